import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import type { MachineFacts } from '../machine.ts';
import { instant, seconds, unixSeconds } from '../units.ts';
import { type Features, jobFeatures, machineFeatures } from './features.ts';
import { exampleMachine, exampleSettings } from './fixture.ts';
import { readFeatures, timeLeft } from './time-left.ts';

const texts = (features: Features): Record<string, string> => Object.fromEntries([...features].map(([key, { value }]) => [key, value]));
const forMachine = (machine: MachineFacts): Record<string, string> => texts(machineFeatures(machine, exampleSettings));
const forJob = (machine: MachineFacts): Record<string, string> => texts(jobFeatures(machine, exampleSettings));

describe('Machine/Job Features', () => {
  it('has all keys, old names included', () => {
    assert.deepEqual(forMachine(exampleMachine), {
      total_cpu: '4',
      hs06: '40.4',
      grace_secs: '7200',
      phys_cores: '4',
      log_cores: '4',
      jobslots: '1',
      site_rack: 'b12',
    });
    assert.deepEqual(forJob({ ...exampleMachine, scratchBytes: 40e9 }), {
      allocated_cpu: '4',
      allocated_CPU: '4',
      hs06_job: '40.4',
      grace_secs_job: '7200',
      jobstart_secs: '1700000000',
      job_id: exampleMachine.id,
      max_rss_bytes: '8589934592',
      scratch_limit_bytes: '40000000000',
      cpufactor_lrms: '1.0',
      mem_limit_MB: '8589',
      wall_limit_secs: '86400',
      wall_limit_secs_lrms: '86400',
      cpu_limit_secs: '345600',
      cpu_limit_secs_lrms: '345600',
    });
  });

  it('leaves the names from before 2016 out where the site says so', () => {
    const settings = { ...exampleSettings, oldFeatureNames: false };
    const all = { ...texts(machineFeatures(exampleMachine, settings)), ...texts(jobFeatures(exampleMachine, settings)) };
    const gone = Object.keys({ ...forMachine(exampleMachine), ...forJob(exampleMachine) }).filter((key) => !(key in all));
    const old = 'allocated_CPU cpu_limit_secs_lrms cpufactor_lrms jobslots log_cores mem_limit_MB phys_cores wall_limit_secs_lrms';
    assert.deepEqual(gone.toSorted(), old.split(' '));
    assert.deepEqual([all['total_cpu'], all['allocated_cpu'], all['wall_limit_secs'], all['site_rack']], ['4', '4', '86400', 'b12']);
  });

  it('tells HS06 only where the site has configured it', () => {
    const { hs06PerProcessor: _, ...unrated } = exampleMachine;
    assert.equal('hs06' in forMachine(unrated) || 'hs06_job' in forJob(unrated), false);
  });

  it('announces a shutdown for a real drain, or when the machinetype asks, and not for the end of the lifetime', () => {
    const keys = (machine: MachineFacts): (string | undefined)[] => [forMachine(machine)['shutdowntime'], forJob(machine)['shutdowntime_job']];
    assert.deepEqual(keys(exampleMachine), [undefined, undefined]);
    assert.deepEqual(keys({ ...exampleMachine, drainAnnounced: true }), ['1700086400', '1700086400']);
    assert.deepEqual(keys({ ...exampleMachine, announceLifetimeAsShutdown: true }), ['1700086400', '1700086400']);
  });

  it('lets the limits in seconds follow a shortened shutdown time, not below 0', () => {
    const shortened = { ...exampleMachine, shutdownTime: instant(1_700_003_600_900), drainAnnounced: true };
    assert.equal(forJob(shortened)['wall_limit_secs'], '3600');
    assert.equal(forJob(shortened)['cpu_limit_secs'], '14400');
    assert.equal(forJob({ ...shortened, shutdownTime: instant(1_600_000_000_000) })['wall_limit_secs'], '0');
  });

  it('marks as changing exactly what a nearer shutdown time changes', () => {
    const before = { ...exampleMachine, announceLifetimeAsShutdown: true };
    const after = { ...before, shutdownTime: instant(1_700_001_000_000) };
    for (const features of [machineFeatures, jobFeatures]) {
      const then = features(after, exampleSettings);
      for (const [key, feature] of features(before, exampleSettings)) assert.equal(feature.changes, feature.value !== then.get(key)?.value, key);
    }
  });

  it('lets the site override a key of ours', () => {
    const settings = { ...exampleSettings, machinefeaturesOptions: new Map([['total_cpu', '8']]) };
    assert.equal(machineFeatures(exampleMachine, settings).get('total_cpu')?.value, '8');
  });

  it('is read back by our own reader as the time that the factory has in mind', () => {
    const anyMachine = fc.record({
      lifetime: fc.integer({ min: 0, max: 1e6 }),
      age: fc.integer({ min: 0, max: 2e6 }),
      processors: fc.integer({ min: 1, max: 64 }),
      drainAnnounced: fc.boolean(),
    });
    fc.assert(
      fc.property(anyMachine, ({ lifetime, age, ...facts }) => {
        const machine = { ...exampleMachine, ...facts, shutdownTime: instant(exampleMachine.createdAt + lifetime * 1000) };
        const now = instant(exampleMachine.createdAt + age * 1000);
        const { features, problems } = readFeatures(new Map(Object.entries(forMachine(machine))), new Map(Object.entries(forJob(machine))));
        assert.deepEqual(problems, []);
        const expected = Math.max(0, unixSeconds(machine.shutdownTime) - unixSeconds(now));
        const left = timeLeft(features, now);
        assert.equal(left.wall, expected);
        assert.equal(left.mayStartWork, expected > exampleSettings.grace);
      }),
    );
  });
});

describe('timeLeft', () => {
  const now = instant(1_000_000_000_000);
  const at = (secondsFromNow: number): ReturnType<typeof instant> => instant(now + secondsFromNow * 1000);

  it('is unknown, not 0, when nothing is known', () => {
    assert.deepEqual(timeLeft({}, now), { mayStartWork: true });
  });

  it('takes the nearest of the known ends', () => {
    const all = { jobstart: at(-100), wallLimit: seconds(1100), shutdowntimeJob: at(900), shutdowntime: at(800) };
    assert.equal(timeLeft(all, now).wall, 800);
    assert.equal(timeLeft(all, now, { localShutdown: at(70) }).wall, 70);
    assert.equal(timeLeft({ jobstart: at(-100), wallLimit: seconds(1100) }, now).wall, 1000);
    assert.equal(timeLeft({ shutdowntimeJob: at(900) }, now).wall, 900);
  });

  it('is never negative, and leaves no time for work then', () => {
    assert.deepEqual(timeLeft({ shutdowntime: at(-5) }, now), { wall: 0, mayStartWork: false });
    assert.equal(timeLeft({ cpuLimit: seconds(10) }, now, { cpuUsed: seconds(20) }).cpu, 0);
  });

  it('counts work by the scarcer of wall and processor time', () => {
    const features = { shutdowntime: at(100), allocatedCpu: 4, hs06Job: 40, cpuLimit: seconds(1000) };
    assert.equal(timeLeft(features, now, { cpuUsed: seconds(0) }).work, 4000);
    assert.equal(timeLeft(features, now, { cpuUsed: seconds(900) }).work, 1000);
    assert.equal(timeLeft(features, now).work, 4000);
    assert.equal('work' in timeLeft({ ...features, allocatedCpu: 0 }, now), false);
  });

  it('begins nothing within the grace period', () => {
    const features = { shutdowntime: at(100), graceSecsJob: seconds(100) };
    assert.equal(timeLeft(features, now).mayStartWork, false);
    assert.equal(timeLeft(features, instant(now - 1000)).mayStartWork, true);
  });
});

describe('readFeatures', () => {
  it('strips white space, uses old names, and reports what does not parse', () => {
    const machine = new Map([
      ['total_cpu', ' 8\n'],
      ['hs06', '1.5e3'],
      ['shutdowntime', ''],
    ]);
    const job = new Map([
      ['allocated_CPU', '2'],
      ['mem_limit_MB', '2000'],
      ['disk_limit_GB', '1.5'],
      ['wall_limit_secs', '-1'],
      ['job_id', ' '],
    ]);
    const { features, problems } = readFeatures(machine, job);
    assert.deepEqual(features, { totalCpu: 8, allocatedCpu: 2, maxRssBytes: 2e9, scratchLimitBytes: 1.5e9 });
    assert.deepEqual(problems, [
      'machinefeatures/hs06: "1.5e3" is not a number',
      'machinefeatures/shutdowntime: "" is not a whole number',
      'jobfeatures/wall_limit_secs: "-1" is not a whole number',
    ]);
  });
});
