import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { type Environment, tagsOf, unlimited } from '../environment/environment.ts';
import { anyEnvironment } from '../environment/testing.ts';
import { readEnvironments } from './build-environments.ts';
import { readIni } from './ini.ts';
import { problemLine, ProblemList } from './problem.ts';
import { mergeSections } from './sections.ts';
import { maskedConfiguration } from './show.ts';
import { environmentText } from './show-environment.ts';
import { configured, settings } from './testing.ts';

const types = '[machinetype prod]\nroot_image = /images/prod.img\ntarget_share = 1\n[machinetype test]\nroot_image = /images/prod.img\n';
const site = (text: string, documents: Readonly<Record<string, unknown>> = {}) => configured(`${settings}${types}${text}`, documents);
const environmentsOf = (text: string): readonly Environment[] => site(text).configuration?.environments ?? [];

/** As a queue reads it, which knows no machinetypes. */
const atQueue = (text: string): { readonly environments: readonly Environment[]; readonly lines: readonly string[] } => {
  const problems = new ProblemList();
  const environments = readEnvironments(mergeSections([readIni('queue.conf', text)], problems), problems);
  return { environments, lines: problems.all.map(problemLine) };
};

describe('[environment NAME] (spec/environments.md §1)', () => {
  it('defaults', () => {
    assert.deepEqual(environmentsOf('[environment sl6-grid-6.10]\nmachinetypes = prod\n'), [
      {
        name: 'sl6-grid-6.10',
        tags: [],
        appName: 'sl6-grid',
        appVersion: '6.10',
        machinetypes: ['prod'],
        os: { family: 'linux', name: '', version: '' },
        platform: 'amd64',
        processors: { min: 1, max: 1 },
        memoryMb: { min: 2048, max: 2048 },
        diskGb: { min: 10, max: 10 },
        cost: 1,
        maxInstances: unlimited,
        maxWall: 86_400,
        vos: [],
        native: false,
      },
    ]);
  });

  it('every option', () => {
    const [e] = environmentsOf(`[Environment SL6]
machinetypes = prod test
tags = VO-cms-slc4_ia32_gcc345 python3
app_name = Scientific Linux
app_version = 6
os_name = scientificlinux
os_version = 6.10
os_family = linux
platform = arm64
processors = 2-8
memory_mb = 1024 - 4096
disk_gb = 40
cost = 0.5
max_instances = 64
max_wall_seconds = 3600
vos = atlas /cms/Role=production /lhcb/*
state = pendingRemoval
`);
    assert.deepEqual(e, {
      name: 'SL6',
      tags: ['VO-cms-slc4_ia32_gcc345', 'python3'],
      appName: 'Scientific Linux',
      appVersion: '6',
      machinetypes: ['prod', 'test'],
      os: { family: 'linux', name: 'scientificlinux', version: '6.10' },
      platform: 'arm64',
      processors: { min: 2, max: 8 },
      memoryMb: { min: 1024, max: 4096 },
      diskGb: { min: 40, max: 40 },
      cost: 0.5,
      maxInstances: 64,
      maxWall: 3600,
      vos: ['atlas', '/cms/Role=production', '/lhcb/*'],
      native: false,
      state: 'pendingremoval',
    });
  });

  it('tags are VM-<name>, its own, and AppName-AppVersion; without a version the name alone', () => {
    const [e, f] = environmentsOf('[environment sl6-grid]\nmachinetypes = prod\ntags = t\n[environment mini]\nnative = yes\n');
    assert.ok(e && f);
    assert.deepEqual(
      [tagsOf(e), tagsOf(f)],
      [
        ['VM-sl6-grid', 't', 'sl6-grid'],
        ['VM-mini', 'mini'],
      ],
    );
  });

  it('machinetypes know their environments, those of spaces at clouds too; an image stands for all with it', () => {
    const { configuration, lines } = configured(`${settings}${types}
[space cloud1.example.org]
api = openstack
url = https://keystone.example.org:5000/v3
username = u
password = p
tenancy_name = t
https_host = vac.example.org
https_certificate_file = /c.pem
https_key_file = /k.pem
[machinetype cloud1.example.org far]
root_image = https://example.org/far.img
user_data = https://example.org/far.data
backoff_seconds = 600
fizzle_seconds = 600
[environment one]
image = /images/prod.img
[environment two]
machinetypes = prod far
`);
    assert.ok(configuration, lines.join('\n'));
    assert.deepEqual(
      [...configuration.machinetypes.values()].map((type) => [type.name, type.environments]),
      [
        ['prod', ['one', 'two']],
        ['test', ['one']],
      ],
    );
    const space = configuration.spaces?.get('cloud1.example.org');
    assert.deepEqual(space?.machinetypes.get('far')?.environments, ['two'], lines.join('\n'));
    assert.deepEqual(space?.environments, configuration.environments);
  });

  for (const [name, text, line] of [
    [
      'a machinetype that does not exist',
      'machinetypes = prod tset',
      'vac.conf:9:16: machinetypes: there is no machinetype "tset"; did you mean test?; valid: prod, test',
    ],
    [
      'an image that none has',
      'image = /images/none.img',
      'vac.conf:9:9: image: no machinetype has the root_image "/images/none.img"; valid: that of an existing one, or machinetypes = NAME',
    ],
    [
      'no machinetype at all',
      'cost = 1',
      'vac.conf:8:1: machinetypes: required: whose machines this environment is; add machinetypes = NAME, image = FILE or native = yes',
    ],
    [
      'machines of the plain node',
      'native = yes\nmachinetypes = prod',
      'vac.conf:10:16: machinetypes: given for the plain node, which needs no machine; valid: native = no, or without this option',
    ],
    [
      'an empty range',
      'machinetypes = prod\nprocessors = 8-2',
      'vac.conf:10:14: processors: the range 8-2 is empty; valid: a whole number from 1 to 999999999, or two of them as LEAST-MOST',
    ],
    [
      'a range of three',
      'machinetypes = prod\nprocessors = 1-2-3',
      'vac.conf:10:14: processors: "1-2-3" is not such a number or range; valid: a whole number from 1 to 999999999, or two of them as LEAST-MOST',
    ],
    [
      'a tag with a quote',
      'machinetypes = prod\ntags = a b"c',
      'vac.conf:10:10: tags: "b\\"c" cannot stand in this list; valid: tags of printable ASCII characters except " and \\, separated by blanks',
    ],
    [
      'a state that is none',
      'machinetypes = prod\nstate = installedverfied',
      'vac.conf:10:9: state: "installedverfied" is not one of the words; did you mean installedverified?',
    ],
    [
      'a pattern of nobody',
      'machinetypes = prod\nvos = a//b',
      'vac.conf:10:7: vos: "a//b" cannot stand in this list; valid: VO names, FQANs, and groups with everything below as /GROUP/*, separated by blanks',
    ],
  ] as const) {
    it(`${name} disables this environment alone`, () => {
      const { configuration, lines, problems } = site(`[environment broken]\n${text}\n[environment whole]\nmachinetypes = test\n`);
      assert.equal(lines.length, 1, lines.join('\n'));
      assert.ok(lines[0]?.startsWith(line), lines[0]);
      assert.deepEqual(problems[0]?.disables, { kind: 'environment', name: 'broken' });
      assert.deepEqual(
        configuration?.environments?.map((e) => e.name),
        ['whole'],
      );
      assert.deepEqual(
        [...(configuration?.machinetypes.values() ?? [])].map((type) => type.environments),
        [undefined, ['whole']],
      );
    });
  }

  it('a misspelt option is a warning with what may have been meant', () => {
    assert.deepEqual(site('[environment e]\nmachinetypes = prod\nmachinetype = prod\n').lines, [
      'vac.conf:10:1: machinetype: not an option of [environment e] and ignored; did you mean machinetypes? (warning)',
    ]);
  });

  it('names that differ in case alone', () => {
    const { configuration, lines } = site('[environment A]\nmachinetypes = prod\n[environment a]\nmachinetypes = prod\n');
    assert.deepEqual(lines, ['vac.conf:10:1: [environment a]: A differs in case alone, and jobs ask without regard to case; valid: another name']);
    assert.deepEqual(
      configuration?.environments?.map((e) => e.name),
      ['A'],
    );
  });

  it('machinetypes of a pipe come and go: one that is not there is a warning', () => {
    const pipe = '[vacuum_pipe alice]\nvacuum_pipe_url = https://example.org/alice.pipe\n';
    const { configuration, lines } = site(`${pipe}[environment e]\nmachinetypes = alice-prod\n`);
    assert.deepEqual(lines, ['vac.conf:11:16: machinetypes: alice-prod is not among what its pipe publishes now (warning)']);
    assert.deepEqual(
      configuration?.environments?.map((e) => e.machinetypes),
      [['alice-prod']],
    );
  });

  it('a machinetype that is broken is told at its own place', () => {
    const { lines } = site('[machinetype bad]\nmax_processors = two\n[environment e]\nmachinetypes = bad\n');
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? '', /^vac\.conf:9:\d+: max_processors/);
  });

  it('[DEFAULT] holds for environments too', () => {
    const { configuration, lines } = site('[DEFAULT]\nmax_wall_seconds = 60\n[environment e]\nmachinetypes = prod\n');
    assert.deepEqual(lines, []);
    assert.equal(configuration?.environments?.[0]?.maxWall, 60);
  });

  it('the configuration of a queue need not know machinetypes', () => {
    const { environments, lines } = atQueue('[environment a]\nmachinetypes = elsewhere\n[environment b]\ntags = x\n');
    assert.deepEqual([lines, environments.map((e) => e.machinetypes)], [[], [['elsewhere'], []]]);
  });

  it('what is shown as in effect reads as the same', () => {
    const text =
      '[environment e]\nmachinetypes = prod\nprocessors = 1-4\nmax_instances = 3\nvos = atlas\n[environment plain]\nnative = yes\nstate = installedverified\n';
    const { configuration } = site(text);
    assert.ok(configuration);
    assert.deepEqual(configured(maskedConfiguration(configuration)).configuration?.environments, configuration.environments);
    const plain = (word: string): string => word.replaceAll(/[^A-Za-z0-9.+]/gu, 'x');
    const writable = anyEnvironment.map((e) => ({
      ...e,
      name: e.appVersion === '' ? 'noversion' : e.name,
      appName: plain(e.appName),
      appVersion: plain(e.appVersion),
      os: { family: plain(e.os.family), name: plain(e.os.name), version: plain(e.os.version) },
    }));
    fc.assert(
      fc.property(writable, (e) => {
        const options = [...environmentText(e)].map(([name, value]) => `${name} = ${value}`);
        assert.deepEqual(atQueue(`[environment ${e.name}]\n${options.join('\n')}\n`), { environments: [e], lines: [] });
      }),
      { numRuns: 50 },
    );
  });
});
