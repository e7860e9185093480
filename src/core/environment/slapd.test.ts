import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { seconds } from '../units.ts';
import { advertise } from './advertise.ts';
import type { Environment } from './environment.ts';
import { glue1Ldif } from './glue1-ldif.ts';
import { glue2Ldif } from './glue2-ldif.ts';
import { readLdif, testCounts, testEnvironment, testNow, testSite } from './testing.ts';

const slapadd = ['/usr/sbin/slapadd', '/usr/local/sbin/slapadd', '/usr/lib/openldap/slapadd'].find((path) => existsSync(path));
const core = '/etc/ldap/schema/core.schema';
const skip = slapadd === undefined ? 'no slapadd: install slapd' : existsSync(core) ? false : `no ${core}: install slapd`;

/** Values are held against the syntax of their attributes too. */
const strict = ['-o', 'value-check=yes'];
const schemas = join(import.meta.dirname, '..', '..', '..', 'examples', 'glue');

/** A directory of slapd of its own, without a server: the tools work on its files. */
async function withDirectory(
  root: string,
  use: (run: (tool: 'slapadd' | 'slapcat', ...args: readonly string[]) => string, dir: string) => Promise<void>,
): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'vacua-slapd-'));
  try {
    await mkdir(join(dir, 'data'));
    const lines = [
      `include ${core}`,
      `include ${join(schemas, 'glue1.schema')}`,
      `include ${join(schemas, 'glue2.schema')}`,
      ...(existsSync('/usr/lib/ldap/back_mdb.so') || existsSync('/usr/lib/ldap/back_mdb.la') ? ['modulepath /usr/lib/ldap', 'moduleload back_mdb'] : []),
      'database mdb',
      `suffix "${root}"`,
      `directory ${join(dir, 'data')}`,
      'maxsize 16777216',
    ];
    await writeFile(join(dir, 'slapd.conf'), `${lines.join('\n')}\n`);
    await use((tool, ...args) => {
      const path = join(slapadd ?? '', '..', tool);
      const { status, stdout, stderr } = spawnSync(path, ['-f', join(dir, 'slapd.conf'), ...args], { encoding: 'utf8', timeout: 60_000 });
      if (status !== 0) throw new Error(`${tool} ${status}: ${stderr}`);
      return stdout;
    }, dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

const environments: readonly Environment[] = [
  testEnvironment('slc4_ia32+gcc-3.4.5', {
    tags: ['VO-cms-slc4_ia32_gcc345', 'tag with, comma'],
    appName: 'Größe ☃',
    appVersion: ' 1 ',
    os: { family: 'linux', name: 'ScientificLinux', version: '4.8' },
    vos: ['cms', '/atlas/Role=production'],
    maxInstances: 10,
    maxWall: seconds(600),
  }),
  testEnvironment('plain', { native: true, tags: ['middleware'] }),
  testEnvironment('broken', { platform: 'arm64' }),
];
const counts = new Map([
  ['slc4_ia32+gcc-3.4.5', testCounts({ runningJobs: 3, waitingJobs: 20, instances: 4 })],
  ['broken', testCounts({ state: 'installedbroken' })],
]);

const plain = (text: string): readonly (readonly [string, Readonly<Record<string, readonly string[]>>])[] => {
  const operational = /^(structuralObjectClass|entryUUID|creatorsName|createTimestamp|entryCSN|modifiersName|modifyTimestamp)$/;
  // Order among values of an attribute has no meaning in a directory, and DNs come back with other escapes.
  return readLdif(text).map(({ attributes }) => {
    const kept = [...attributes].filter(([name]) => !operational.test(name)).sort(([a], [b]) => (a < b ? -1 : 1));
    const key = kept.flatMap(([name, values]) => (/ID$|^o$|^mds-vo-name$/.test(name) ? values : [])).join();
    return [key, Object.fromEntries(kept.map(([name, values]) => [name, values.toSorted()]))];
  });
};

describe('a real directory server takes what is published (spec/environments.md §4.6)', { skip }, () => {
  for (const [name, root, render] of [
    ['GLUE 2', 'o=glue', glue2Ldif],
    ['GLUE 1', 'o=grid', glue1Ldif],
  ] as const) {
    for (const [way, group, site] of [
      ['each', 'resource', 'EXAMPLE-HEP'],
      ['union', 'cloud', 'Zürich, "north" #1'],
    ] as const) {
      it(`${name}, advertise = ${way}, site ${site}`, async () => {
        const text = render(advertise(environments, counts, { ...testSite, advertise: way, group, site }, testNow));
        await withDirectory(root, async (run, dir) => {
          await writeFile(join(dir, 'all.ldif'), text);
          run('slapadd', '-u', ...strict, '-l', join(dir, 'all.ldif'));
          run('slapadd', ...strict, '-l', join(dir, 'all.ldif'));
          assert.deepEqual(plain(run('slapcat', '-o', 'ldif-wrap=no')), plain(text));
        });
      });
    }
  }

  it('it does not take everything', async () => {
    const text = glue2Ldif(advertise(environments, counts, testSite, testNow));
    await withDirectory('o=glue', async (run, dir) => {
      for (const [change, complaint] of [
        [text.replace('GLUE2ApplicationEnvironmentState:', 'GLUE2ApplicationEnvironmentStatus:'), /GLUE2ApplicationEnvironmentStatus.*undefined/],
        [text.replace('GLUE2EntityValidity: 600', 'GLUE2EntityValidity: ten'), /invalid per syntax/],
        [text.replace(/GLUE2ExecutionEnvironmentPlatform: .*\n/, ''), /requires attribute 'GLUE2ExecutionEnvironmentPlatform'/],
      ] as const) {
        assert.notEqual(change, text);
        await writeFile(join(dir, 'wrong.ldif'), change);
        assert.throws(() => run('slapadd', '-u', ...strict, '-l', join(dir, 'wrong.ldif')), complaint);
      }
    });
  });
});
