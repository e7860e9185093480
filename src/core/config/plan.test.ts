import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Machine } from '../machine.ts';
import type { Observed } from '../observed.ts';
import type { Configuration } from '../settings.ts';
import { instant, machineId, seconds } from '../units.ts';
import { planDiff, planLines } from './plan.ts';
import { maskedConfiguration, maskedSections, settingsText, shareFractions } from './show.ts';
import { readIni } from './ini.ts';
import { configured, settings } from './testing.ts';

const read = (text: string): Configuration => {
  const { configuration, lines } = configured(text);
  assert.ok(configuration, lines.join('\n'));
  return configuration;
};
const types = (...shares: readonly (readonly [string, number])[]): string =>
  shares.map(([name, share]) => `[machinetype ${name}]\nroot_image = x\nbackoff_seconds = 600\ntarget_share = ${share}\n`).join('');

const now = instant(1_700_000_000_000);
const machine = (n: number, machinetype: string): Machine => ({
  id: machineId(`00000000-0000-4000-8000-00000000000${n}`),
  name: `wn01-0${n}.example.com`,
  slot: n,
  machinetype,
  machinegroup: machinetype,
  model: 'cernvm3',
  processors: 1,
  memoryMb: 2048,
  fizzle: seconds(600),
  machinesDirDays: 3,
  createdAt: instant(now - 5_000_000),
  shutdownTime: instant(now + 50_000_000),
  state: 'running',
  startedAt: instant(now - 5_000_000),
  heartbeatAt: now,
  contactAt: instant(now - 4_000_000),
  cpuSeconds: seconds(1),
});
const observed = (machines: readonly Machine[]): Observed => ({
  now,
  host: { factory: 'wn01.example.com', processors: 4, load: 0, freeDiskBytes: 1e12 },
  machines,
  listing: { state: 'complete', at: now, sightings: machines.map((m) => ({ id: m.id, power: 'running' })), foreignProcessors: 0 },
  inFlight: new Set(),
  space: [],
  silent: [],
  preparations: new Map(),
  creationFailures: new Map(),
  guestServiceSince: instant(0),
  recentStarts: [],
});

describe('vacua plan', () => {
  it('nothing changes', () => {
    const same = read(settings + types(['a', 1]));
    assert.deepEqual(planLines(planDiff(same, same)), []);
  });

  it('says what starts, what no longer, and whose share moves', () => {
    const before = read(settings + types(['a', 3], ['b', 1], ['c', 0]));
    const after = read(`${settings}mb_per_processor = 4096\n${types(['a', 1], ['c', 2], ['d', 1]).replace('backoff_seconds = 600', 'backoff_seconds = 60')}`);
    assert.deepEqual(planLines(planDiff(before, after)), [
      'settings: mb_per_processor "2048" → "4096"',
      'a: share of the space 75 % → 25 %',
      'a: backoff_seconds "600" → "60"',
      'b: is no longer configured; would not be started any more; share of the space 25 % → 0 %',
      'c: may be started from now on; share of the space 0 % → 50 %',
      'd: is new; may be started from now on; share of the space 0 % → 25 %',
    ]);
  });

  it('with the state of a factory: what stays, and what the next turn starts', () => {
    const before = read(settings + types(['a', 1], ['b', 1]));
    const after = read(settings + types(['b', 1]));
    const plan = planDiff(before, after, observed([machine(0, 'a'), machine(1, 'a')]));
    const [a, b] = plan.machinetypes;
    assert.deepEqual([a?.live, a?.nextBefore, a?.nextAfter], [2, 0, 0]);
    assert.deepEqual([b?.live, b?.nextBefore, b?.nextAfter], [0, 2, 2]);
    assert.match(planLines(plan).join('\n'), /^a: is no longer configured; .*; 2 machines run on to their end$/m);
  });

  it('draining starts nothing more, and says why', () => {
    const before = read(settings + types(['a', 1]));
    const after = read(`${settings}draining = yes\n${types(['a', 1])}`);
    const plan = planDiff(before, after, observed([machine(0, 'a')]));
    assert.deepEqual([plan.machinetypes[0]?.nextBefore, plan.machinetypes[0]?.nextAfter, plan.vetoAfter], [3, 0, 'draining']);
    assert.match(planLines(plan).join('\n'), /a: next turn starts 0 instead of 3; 1 machine runs on to its end/);
    assert.match(planLines(plan).join('\n'), /the next turn would start nothing more: draining/);
  });

  it('a changed secret is told without the secret, and a masked one is not compared', () => {
    const before = read(`${settings}user_data_option_key = hunter2\n`);
    const after = read(`${settings}user_data_option_key = hunter3\n`);
    assert.deepEqual(planLines(planDiff(before, after)), ['settings: user_data_option_key has another value']);
    const told: Configuration = { ...before, settings: { ...before.settings, userDataOptions: new Map([['key', '***']]) } };
    assert.deepEqual(planLines(planDiff(told, after)), []);
  });
});

describe('the effective configuration', () => {
  const full = `${settings}factories = . wn02\ntotal_processors = 4\nshutdown_time = 1800000000\nhost_services = 3128=[::1]:3128\nuser_data_option_key = hunter2\nuser_data_file_cert = cert.pem\nmachinefeatures_option_site = X\nmin_free_disk_gb = 1.5\n${types(['a', 1.5])}user_data_option_key2 = line one\n  line two\nuser_data = https://u:secret@vo.example.org/x?token=secret\n`;

  it('never contains a secret', () => {
    const configuration = read(full);
    const text = maskedConfiguration(configuration);
    assert.doesNotMatch(text, /hunter2|line one|secret/);
    assert.match(text, /^user_data_option_key = \*\*\*$/m);
    assert.doesNotMatch(JSON.stringify([...maskedSections(configuration)].map(([t, o]) => [t, [...o]])), /hunter2|secret/);
  });

  it('can be read again and means the same', () => {
    const once = read(full);
    const again = configured(maskedConfiguration(once));
    assert.deepEqual(again.lines, []);
    assert.ok(again.configuration);
    assert.equal(maskedConfiguration(again.configuration), maskedConfiguration(once));
    const unmasked = new Map([...settingsText(once.settings)].filter(([name]) => !name.startsWith('user_data_option_')));
    assert.deepEqual(new Map([...settingsText(again.configuration.settings)].filter(([name]) => !name.startsWith('user_data_option_'))), unmasked);
    assert.equal(readIni('f', maskedConfiguration(once)).faults.length, 0);
  });

  it('shares are parts of the space; those of 0 or less have none', () => {
    const { machinetypes } = read(settings + types(['a', 3], ['b', 1], ['c', -2]));
    assert.deepEqual([...shareFractions(machinetypes).values()], [0.75, 0.25, 0]);
  });
});
