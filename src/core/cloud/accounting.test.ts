import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import type { UsageRecord } from '../machine.ts';
import { instant, later, machineId, seconds } from '../units.ts';
import { type Accounting, cloudHeader, cloudRecord, jobHeader, jobRecord, messages, spaceDn } from './accounting.ts';

const usage: UsageRecord = {
  id: machineId('0b1e2c3d-4f50-4a6b-8c7d-9e0f1a2b3c4d'),
  name: 'vacua-atlas-prod-k3x9q0zt1b',
  space: 'cloud1.example.org',
  factory: 'mgr1.example.org',
  site: 'EXAMPLE-HEP',
  machinetype: 'atlas-prod',
  accountingFqan: '/atlas/Role=production',
  processors: 4,
  memoryMb: 8192,
  hs06PerProcessor: 10.2,
  startedAt: instant(1_467_331_200_000),
  endedAt: instant(1_467_417_212_000),
  wall: seconds(86_012),
  cpu: seconds(331_020),
  outcome: { cause: 'power-off', abort: false },
  cloud: {
    api: 'openstack',
    providerId: '7d3a0c0e-52a2-4f0e-9b2b-0a4c9f7e1d11',
    flavor: 'm1.large',
    diskGb: 80,
    memoryMb: 8192,
    image: 'https://images.example.org/vm.img',
  },
};
const about: Accounting = { submitHost: 'cloud1.example.org/vacuad-mgr1.example.org', version: 'v0.3', now: later(usage.endedAt, 60) };
const text = (made: ReturnType<typeof jobRecord>): string => ('record' in made ? made.record : `refused: ${made.refused}`);

describe('job record', () => {
  it('has the keys of the table in their order (spec/accounting.md §2)', () => {
    assert.equal(
      messages(jobHeader(about), [text(jobRecord(usage, about))])[0],
      `APEL-individual-job-message: v0.3
Site: EXAMPLE-HEP
SubmitHost: cloud1.example.org/vacuad-mgr1.example.org
Queue: atlas-prod
LocalJobId: 7d3a0c0e-52a2-4f0e-9b2b-0a4c9f7e1d11
LocalUserId: vacua-atlas-prod-k3x9q0zt1b
GlobalUserName: /DC=org/DC=example/DC=cloud1
FQAN: /atlas/Role=production
WallDuration: 86012
CpuDuration: 331020
Processors: 4
NodeCount: 1
StartTime: 1467331200
EndTime: 1467417212
InfrastructureDescription: APEL-VCYCLE
InfrastructureType: grid
MemoryReal: 8388608
MemoryVirtual: 8388608
ServiceLevelType: HEPSPEC
ServiceLevel: 10.2
%%
`,
    );
  });

  it('v0.4 has benchmarks as a map; without any benchmark both keys are left out', () => {
    assert.match(text(jobRecord(usage, { ...about, version: 'v0.4' })), /\nServiceLevel: \{HEPSPEC: 10.2\}\n$/);
    const benchmarks = new Map([
      ['hepscore23', 15.3],
      ['hepspec', 11.4],
    ]);
    assert.match(text(jobRecord(usage, { ...about, version: 'v0.4', benchmarks })), /\nServiceLevel: \{hepscore23: 15.3, hepspec: 11.4\}\n$/);
    const { hs06PerProcessor: _, ...plain } = usage;
    assert.doesNotMatch(text(jobRecord(plain, about)), /ServiceLevel/);
  });

  it('cpu time of a cloud is wall time × processors where none is known, and never more', () => {
    assert.match(text(jobRecord({ ...usage, cpu: seconds(0) }, about)), /\nCpuDuration: 344048\n/);
    assert.match(text(jobRecord({ ...usage, cpu: seconds(1e9) }, about)), /\nCpuDuration: 344048\n/);
    const { cloud: _, ...onHost } = usage;
    assert.match(text(jobRecord({ ...onHost, cpu: seconds(0) }, about)), /\nCpuDuration: 0\n/);
  });

  it('a record that breaks a rule is refused with the reason', () => {
    const refused = (more: Partial<UsageRecord>, with_: Partial<Accounting> = {}): string => text(jobRecord({ ...usage, ...more }, { ...about, ...with_ }));
    assert.match(refused({ site: '' }), /refused: Site is "", which is read as absent; it is mandatory/);
    assert.match(refused({ site: 'None' }), /refused: Site is "None"/);
    assert.match(refused({ site: 'Zürich' }), /refused: Site is "Zürich"; valid: printable ASCII/);
    assert.match(refused({ name: 'a%%b' }), /refused: LocalUserId .* without %%/);
    assert.match(refused({ name: 'a\nSite: other' }), /refused: LocalUserId/);
    assert.match(refused({ machinetype: 'x'.repeat(101) }), /refused: Queue has 101 characters; valid: at most 100/);
    assert.match(refused({ endedAt: later(usage.startedAt, -1) }), /refused: EndTime \d+ is before StartTime/);
    assert.match(refused({}, { now: later(usage.endedAt, -3 * 86_400) }), /refused: EndTime \d+ is more than 2 days in the future/);
    assert.match(refused({}, { benchmarks: new Map([['spec', 1]]) }), /refused: benchmark "spec"; valid: HEPSPEC/);
    assert.match(
      refused(
        {},
        {
          benchmarks: new Map([
            ['hepspec', 1],
            ['HEPSPEC', 2],
          ]),
        },
      ),
      /refused: a benchmark stands twice/,
    );
    assert.match(refused({}, { benchmarks: new Map([['hepspec', Number.NaN]]) }), /refused: benchmark hepspec is NaN/);
  });

  it('a text that is read as absent is left out where it may be', () => {
    assert.doesNotMatch(text(jobRecord({ ...usage, accountingFqan: 'null' }, about)), /FQAN/);
  });
});

describe('cloud record', () => {
  it('has the keys of the table in their order (spec/accounting.md §5)', () => {
    const { now } = about;
    assert.equal(
      messages(cloudHeader, [text(cloudRecord(usage, { now, status: 'completed', userId: 'robot-vac', groupId: '1f2e3d' }))])[0],
      `APEL-cloud-message: v0.4
RecordCreateTime: 1467417272
VMUUID: 7d3a0c0e-52a2-4f0e-9b2b-0a4c9f7e1d11
SiteName: EXAMPLE-HEP
CloudComputeService: cloud1.example.org
MachineName: vacua-atlas-prod-k3x9q0zt1b
LocalUserId: robot-vac
LocalGroupId: 1f2e3d
FQAN: /atlas/Role=production
Status: completed
StartTime: 1467331200
EndTime: 1467417212
SuspendDuration: 0
WallDuration: 86012
CpuDuration: 331020
CpuCount: 4
NetworkInbound: 0
NetworkOutbound: 0
PublicIPCount: 0
Memory: 8192
Disk: 80
BenchmarkType: HEPSPEC06
Benchmark: 10.2
ImageId: https://images.example.org/vm.img
CloudType: OpenStack
%%
`,
    );
  });

  it('a machine that lives has no end', () => {
    const record = text(cloudRecord(usage, { now: about.now, status: 'started' }));
    assert.match(record, /\nStatus: started\n/);
    assert.doesNotMatch(record, /EndTime/);
  });
});

it('1001 records are two messages, and none is too large', () => {
  assert.deepEqual(
    messages(
      'h: v',
      Array.from({ length: 1001 }, () => 'a: b\n'),
    ).map((m) => m.split('%%\n').length - 1),
    [1000, 1],
  );
  assert.deepEqual(messages('h: v', []), []);
  const large = `a: ${'x'.repeat(99_996)}\n`;
  for (const message of messages(
    'h: v',
    Array.from({ length: 30 }, () => large),
  ))
    assert.ok(Buffer.from(message).toString('base64').length < 1e6);
});

it('property: whatever names say, a message can be read back line by line, or the record is refused', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 300 }), fc.string({ maxLength: 300 }), fc.string({ maxLength: 120 }), (site, name, machinetype) => {
      const made = jobRecord({ ...usage, site, name, machinetype }, about);
      if ('refused' in made) return;
      const [message = ''] = messages(jobHeader(about), [made.record]);
      assert.match(message, /^[\x20-\x7e\n]*$/);
      const records = message.split('%%\n');
      assert.equal(records.length, 2);
      const lines = (records[0] ?? '').trimEnd().split('\n').slice(1);
      const read = new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]));
      assert.equal(read.size, lines.length, 'no key stands twice');
      assert.equal(read.get('Site'), site.trim());
    }),
  );
});

it('a space is its own DN', () => assert.equal(spaceDn('vac01.example.com'), '/DC=com/DC=example/DC=vac01'));
