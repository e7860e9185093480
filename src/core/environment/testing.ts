import * as fc from 'fast-check';
import { instant, seconds } from '../units.ts';
import { type Environment, type EnvironmentCounts, environmentStates, unlimited } from './environment.ts';
import type { SiteFacts } from './site.ts';

export const testSite: SiteFacts = {
  site: 'EXAMPLE-HEP',
  host: 'ce1.example.org',
  port: 8470,
  url: 'https://ce1.example.org:8470/',
  queue: 'long',
  advertise: 'each',
  group: 'resource',
  vos: [],
  outbound: true,
  version: '1.2.3',
};
export const testNow = instant(Date.UTC(2024, 4, 1, 8));

/** An environment of a machinetype of the same name. */
export const testEnvironment = (name: string, more: Partial<Environment> = {}): Environment => ({
  name,
  tags: [],
  appName: name,
  appVersion: '',
  machinetypes: more.native === true ? [] : [name],
  os: { family: 'linux', name: '', version: '' },
  platform: 'amd64',
  processors: { min: 1, max: 1 },
  memoryMb: { min: 2048, max: 2048 },
  diskGb: { min: 10, max: 10 },
  cost: 1,
  maxInstances: unlimited,
  maxWall: seconds(86_400),
  vos: [],
  native: false,
  ...more,
});

export const testCounts = (more: Partial<EnvironmentCounts> = {}): EnvironmentCounts => ({
  runningJobs: 0,
  waitingJobs: 0,
  instances: 0,
  state: 'installedverified',
  ...more,
});

/** One entry of an LDIF text: values by attribute, in their order. */
export interface LdifEntry {
  readonly dn: string;
  readonly attributes: ReadonlyMap<string, readonly string[]>;
}

/** Reads LDIF as RFC 2849 has it; throws Error on a line that is none. */
export function readLdif(text: string): readonly LdifEntry[] {
  const blocks = text.replaceAll('\n ', '').split(/\n{2,}/);
  return blocks.flatMap((block) => {
    const lines = block.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    if (lines.length === 0) return [];
    const attributes = new Map<string, string[]>();
    for (const line of lines) {
      const [, name, encoded, plain] = /^([A-Za-z0-9-]+):(?:: ?([A-Za-z0-9+/=]*)| ?(.*))$/.exec(line) ?? [];
      if (name === undefined) throw new Error(`not a line of LDIF: ${line}`);
      attributes.set(name, [...(attributes.get(name) ?? []), encoded === undefined ? (plain ?? '') : Buffer.from(encoded, 'base64').toString('utf8')]);
    }
    const [dn = ''] = attributes.get('dn') ?? [];
    attributes.delete('dn');
    return [{ dn, attributes }];
  });
}

const word = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._+-]{0,20}$/);
const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }).filter((s) => !/[\0\r\n]/.test(s) && s.trim() !== '' && s.isWellFormed());
const size = fc.tuple(fc.integer({ min: 1, max: 1000 }), fc.nat(1000)).map(([min, more]) => ({ min, max: min + more }));
const vo = fc.constantFrom('atlas', 'cms', '/atlas/Role=production', '/lhcb/*', '/cms');

/** Any environment, its texts not only ASCII. */
export const anyEnvironment: fc.Arbitrary<Environment> = fc
  .record({
    name: word,
    tags: fc.array(word, { maxLength: 4 }),
    appName: text,
    appVersion: fc.oneof(fc.constant(''), text),
    os: fc.record({ family: text, name: fc.oneof(fc.constant(''), text), version: fc.oneof(fc.constant(''), text) }),
    platform: fc.constantFrom('amd64', 'arm64', 'riscv64'),
    processors: size,
    memoryMb: size,
    diskGb: size,
    cost: fc.nat(5),
    maxInstances: fc.oneof(fc.nat(5), fc.constant(unlimited)),
    maxWall: fc.integer({ min: 1, max: 1_000_000 }).map(seconds),
    vos: fc.uniqueArray(vo, { maxLength: 3 }),
    native: fc.boolean(),
  })
  .map((e) => ({ ...e, machinetypes: e.native ? [] : ['any'] }));

export const anyCounts: fc.Arbitrary<EnvironmentCounts> = fc.record({
  runningJobs: fc.nat(100),
  waitingJobs: fc.nat(100_000),
  instances: fc.nat(10),
  state: fc.constantFrom(...environmentStates),
});

export const anySite: fc.Arbitrary<SiteFacts> = fc
  .record({
    site: text,
    queue: word,
    advertise: fc.constantFrom('each', 'union'),
    group: fc.constantFrom('resource', 'cloud'),
    vos: fc.uniqueArray(vo, { maxLength: 2 }),
    outbound: fc.boolean(),
  })
  .map((more) => ({ ...testSite, ...more }));

/** A site with environments of different names, and what they do. */
export const anySituation = fc
  .tuple(anySite, fc.uniqueArray(fc.tuple(anyEnvironment, anyCounts), { maxLength: 5, selector: ([e]) => e.name.toLowerCase() }))
  .map(([site, pairs]) => ({
    site,
    environments: pairs.map(([environment]) => environment),
    counts: new Map(pairs.map(([environment, counts]) => [environment.name, counts])),
  }));
