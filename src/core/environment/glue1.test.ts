import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { type Ad, evaluate, isTrue, ListValue, ParseError, parseAd, type Value } from '../classad/classad.ts';
import { seconds } from '../units.ts';
import { advertise } from './advertise.ts';
import { classadOf, classads, type Glue1Ad, glue1Ad } from './glue1-ad.ts';
import { glue1Ldif } from './glue1-ldif.ts';
import { anySituation, type LdifEntry, readLdif, testCounts, testEnvironment, testNow, testSite } from './testing.ts';

const slc4 = testEnvironment('slc4', {
  tags: ['VO-cms-slc4_ia32_gcc345'],
  os: { family: 'linux', name: 'ScientificLinux', version: '4.8' },
  processors: { min: 1, max: 4 },
  memoryMb: { min: 1024, max: 4096 },
  maxInstances: 10,
  maxWall: seconds(90_000),
  vos: ['cms', '/atlas/Role=production'],
});

const adFrom = (text: string): Ad => {
  const ad = parseAd(text);
  assert.ok(!(ad instanceof ParseError), String(ad));
  return ad;
};

/** Values of an ad as plain data again. */
const plain = (ad: Ad): Glue1Ad => {
  const value = (v: Value): unknown => (typeof v === 'bigint' ? Number(v) : v instanceof ListValue ? v.items.map(value) : v);
  return Object.fromEntries([...ad.values()].map((a) => [a.name, value(evaluate(a.value, { my: ad, now: testNow }))])) as Glue1Ad;
};

/** The flat ads again, each from a CE, its cluster and the one SubCluster of that. */
function fromLdif(text: string): readonly Glue1Ad[] {
  const entries = readLdif(text);
  const read = (entry: LdifEntry | undefined, start: string, like: Glue1Ad): Glue1Ad =>
    Object.fromEntries(
      [...(entry?.attributes ?? [])]
        .filter(([name]) => name.startsWith(start) && name in like)
        .map(([name, values]) => {
          const [first = ''] = values;
          const wanted = like[name];
          if (typeof wanted === 'object') return [name, values];
          return [name, typeof wanted === 'number' ? Number(first) : typeof wanted === 'boolean' ? first === 'TRUE' : first];
        }),
    );
  const like: Glue1Ad = glue1Ad(advertise([slc4], new Map(), testSite, testNow).shares[0] ?? assert.fail(), testSite);
  return entries
    .filter((entry) => entry.dn.startsWith('GlueCEUniqueID='))
    .map((ce) => {
      const cluster = ce.attributes.get('GlueForeignKey')?.[0]?.replace('GlueClusterUniqueID=', '');
      const subClusters = entries.filter((entry) => entry.attributes.get('GlueChunkKey')?.includes(`GlueClusterUniqueID=${cluster}`));
      assert.equal(subClusters.length, 1);
      return { ...read(ce, 'GlueCE', like), ...read(subClusters[0], 'GlueHost', like) };
    });
}

describe('GLUE 1 (spec/environments.md §4.1)', () => {
  it('the flat ad of an environment', () => {
    const counts = testCounts({ runningJobs: 3, waitingJobs: 20, instances: 4 });
    assert.deepEqual(plain(classadOf(slc4, counts, testSite)), {
      GlueCEUniqueID: 'ce1.example.org:8470/jobmanager-vacua-long-slc4',
      GlueCEName: 'long-slc4',
      GlueCEInfoHostName: 'ce1.example.org',
      GlueCEInfoLRMSType: 'vacua',
      GlueCEImplementationName: 'Vacua',
      GlueCEImplementationVersion: '1.2.3',
      GlueCEStateStatus: 'Production',
      GlueCEStateEstimatedResponseTime: 90_000,
      GlueCEStateWorstResponseTime: 180_000,
      GlueCEStateFreeCPUs: 24,
      GlueCEStateFreeJobSlots: 6,
      GlueCEStateRunningJobs: 3,
      GlueCEStateWaitingJobs: 20,
      GlueCEStateTotalJobs: 23,
      GlueCEPolicyMaxWallClockTime: 1500,
      GlueCEPolicyMaxCPUTime: 6000,
      GlueCEPolicyMaxRunningJobs: 10,
      GlueCEPolicyMaxTotalJobs: 999_999_999,
      GlueCEPolicyAssignedJobSlots: 10,
      GlueCEAccessControlBaseRule: ['VOMS:/atlas/Role=production', 'VO:cms'],
      GlueHostApplicationSoftwareRunTimeEnvironment: ['VM-slc4', 'VO-cms-slc4_ia32_gcc345', 'slc4'],
      GlueHostMainMemoryRAMSize: 4096,
      GlueHostMainMemoryVirtualSize: 4096,
      GlueHostOperatingSystemName: 'ScientificLinux',
      GlueHostOperatingSystemRelease: '4.8',
      GlueHostOperatingSystemVersion: '4.8',
      GlueHostArchitecturePlatformType: 'x86_64',
      GlueHostArchitectureSMPSize: 4,
      GlueHostProcessorClockSpeed: 999_999_999,
      GlueHostProcessorModel: 'UNDEFINEDVALUE',
      GlueHostProcessorVendor: 'UNDEFINEDVALUE',
      GlueHostBenchmarkSI00: 999_999_999,
      GlueHostBenchmarkSF00: 999_999_999,
      GlueHostNetworkAdapterInboundIP: false,
      GlueHostNetworkAdapterOutboundIP: true,
    });
  });

  it('the status and the wait follow from the state', () => {
    for (const [state, status] of [
      ['installable', 'Production'],
      ['pendingremoval', 'Draining'],
      ['installedbroken', 'Closed'],
    ] as const) {
      const ad = plain(classadOf(slc4, testCounts({ state }), testSite));
      const wait = status === 'Production' ? 0 : 999_999_999;
      assert.deepEqual([ad['GlueCEStateStatus'], ad['GlueCEStateWorstResponseTime']], [status, wait]);
      assert.equal(ad['GlueCEStateFreeJobSlots'], status === 'Production' ? 10 : 0);
    }
  });

  it('GLUE 1 ad evaluates the sample JDL (§8.5)', () => {
    const sample = adFrom(`[
      Executable = "/bin/sh"; Arguments = "-c 'echo done'"; StdOutput = "out"; OutputSandbox = {"out"}; OutputSandboxBaseDestURI = "gsiftp://localhost";
      CpuNumber = 2; MinimumMemory = 2048;
      Requirements = Member("VO-cms-slc4_ia32_gcc345", other.GlueHostApplicationSoftwareRunTimeEnvironment)
        && other.GlueCEStateStatus == "Production" && other.GlueCEPolicyMaxWallClockTime >= 1440
        && other.GlueHostMainMemoryRAMSize >= MinimumMemory && other.GlueHostArchitectureSMPSize >= CpuNumber
        && RegExp("^ce1\\\\.", other.GlueCEUniqueID) && other.GlueHostNetworkAdapterOutboundIP;
      Rank = -other.GlueCEStateEstimatedResponseTime;
    ]`);
    const { shares, site } = advertise([slc4, testEnvironment('other')], new Map([['slc4', testCounts()]]), testSite, testNow);
    const [first, second] = classads({ shares, site, offers: [], createdAt: testNow, validity: seconds(600) })
      .trimEnd()
      .split('\n')
      .map(adFrom);
    const requirements = sample.get('requirements')?.value;
    assert.ok(requirements !== undefined);
    assert.equal(evaluate(requirements, { my: sample, other: first, now: testNow }), true);
    assert.ok(!isTrue(evaluate(requirements, { my: sample, other: second, now: testNow })));
    assert.equal(evaluate(sample.get('rank')?.value ?? assert.fail(), { my: sample, other: first, now: testNow }), 0n);
  });

  it('a union is published as one ad of the greatest sizes, only with tags that jobs may be matched with', () => {
    const site = { ...testSite, advertise: 'union' as const };
    const big = testEnvironment('big', { tags: ['big1'], processors: { min: 8, max: 8 }, memoryMb: { min: 1, max: 32_000 }, maxInstances: 2 });
    const broken = testEnvironment('broken', { maxInstances: 5 });
    const counts = new Map([
      ['slc4', testCounts({ runningJobs: 1, instances: 1 })],
      ['big', testCounts({ runningJobs: 2, instances: 2 })],
      ['broken', testCounts({ state: 'installedbroken' })],
    ]);
    const { shares } = advertise([slc4, big, broken], counts, site, testNow);
    assert.equal(shares.length, 1);
    const ad = glue1Ad(shares[0] ?? assert.fail(), site);
    assert.deepEqual(
      ['GlueCEName', 'GlueCEStateRunningJobs', 'GlueCEStateFreeJobSlots', 'GlueHostMainMemoryRAMSize', 'GlueCEPolicyMaxRunningJobs'].map((name) => ad[name]),
      ['long', 3, 9, 32_000, 17],
    );
    assert.deepEqual(ad['GlueHostApplicationSoftwareRunTimeEnvironment'], ['VM-slc4', 'VO-cms-slc4_ia32_gcc345', 'slc4', 'VM-big', 'big1', 'big']);
    assert.equal(ad['GlueCEAccessControlBaseRule'], undefined);
  });

  it('without environments there is nothing to match, and the tree is still whole', () => {
    for (const way of ['each', 'union'] as const) {
      const empty = advertise([], new Map(), { ...testSite, advertise: way }, testNow);
      assert.equal(classads(empty), '');
      assert.equal(readLdif(glue1Ldif(empty)).length, 2);
    }
  });

  it('ads and LDIF, read again, give the same model', () => {
    fc.assert(
      fc.property(anySituation, ({ site, environments, counts }) => {
        const advertisement = advertise(environments, counts, site, testNow);
        const wanted = advertisement.shares.map((share) => ({ ...glue1Ad(share, site) }));
        assert.deepEqual(
          classads(advertisement)
            .split('\n')
            .filter((line) => line !== '')
            .map((line) => plain(adFrom(line))),
          wanted,
        );
        // A list without values has no attribute in LDAP.
        const stated = wanted.map((ad) => Object.fromEntries(Object.entries(ad).filter(([, value]) => !Array.isArray(value) || value.length > 0)));
        assert.deepEqual(fromLdif(glue1Ldif(advertisement)), stated);
      }),
    );
  });
});
