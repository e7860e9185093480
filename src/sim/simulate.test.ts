import assert from 'node:assert/strict';
import { it } from 'node:test';
import { elapsed } from '../core/units.ts';
import { SharedNetwork } from './network/shared.ts';
import { type Simulated, simulate, simulation } from './simulate.ts';
import { type Summary, summaryOf } from './summary.ts';
import { scenarioOf, site } from './testing.ts';

const run = (text: string): Simulated => simulate(scenarioOf(text));
const summary = (text: string): Summary => summaryOf(run(text));

const everyFault = `
[fault crash]
kind = crash
hosts = wn-2
at = 40min
lasts = 10min
[fault away]
kind = daemon
hosts = wn-3
at = 50min
lasts = 20min
[fault reboot]
kind = reboot
hosts = wn-4..wn-6
at = 80min
notice = 20min
lasts = 5min
stagger = 10min
[fault cut]
kind = partition
hosts = wn-1 wn-2
at = 1h
lasts = 30min
[fault clock]
kind = clock
hosts = wn-5
at = 30min
lasts = 1h
skew = -1h
[fault loss]
kind = loss
at = 20min
lasts = 1h
loss = 20%
[fault hole]
kind = black_hole
hosts = wn-6
at = 2h
message = 500 No disk
`;

for (const network of ['shared', 'members']) {
  it(`the same seed gives the same summary twice, another seed another course (${network})`, () => {
    const text = site(6, everyFault).replace('network = shared', `network = ${network}`);
    const first = summary(text);
    assert.deepEqual(summary(text), first);
    assert.equal(first.network, network);
    assert.notDeepEqual(summary(text.replace('[simulation]', '[simulation]\nseed = 2')).tenants, first.tenants);
  });

  it(`no job is lost or done twice, and no host is ever over capacity, whatever fails (${network})`, () => {
    // Over capacity and a job done twice end a simulation with an error.
    for (const seed of [1, 2, 3]) {
      const text = site(6, everyFault, `seed = ${seed}`).replace('network = shared', `network = ${network}`);
      const { queues, census } = run(text);
      for (const [name, queue] of queues) assert.equal(queue.done + queue.running + queue.waiting, queue.arrived, name);
      assert.ok((queues.get('red')?.interrupted ?? 0) + (queues.get('blue')?.interrupted ?? 0) > 0, 'a crash interrupts jobs, which run again');
      for (const { tenants, capacity } of census.samples) assert.ok(tenants.reduce((sum, t) => sum + t.running, 0) <= capacity);
    }
  });
}

it('every started machine ends once or still lives', () => {
  const steps = simulation(scenarioOf(site(6, everyFault)));
  let live = 0;
  for (let step = steps.next(); ; step = steps.next()) {
    if (!step.done) {
      live = step.value.factories.reduce((sum, f) => sum + [...f.machines].filter((m) => m.record.state !== 'finished').length, 0);
      continue;
    }
    const ended = [...step.value.census.ends.values()].reduce((a, b) => a + b, 0);
    assert.equal(summaryOf(step.value).starts, ended + live);
    return;
  }
});

it('statuses one by one and their sum lead to the same decisions, machine by machine', (t) => {
  // Red runs dry at times, so that aborts matter for a while and then do not.
  const text = site(12).replace('duration = 3h', 'duration = 8h').replace('rate = 120/h', 'rate = 00:30 0/h, 02:00 300/h, 03:00 0/h, 06:00 100/h');
  const summed = summary(text);
  assert.ok((summed.aborts['300'] ?? 0) > 0);
  const { view } = SharedNetwork.prototype;
  t.mock.method(SharedNetwork.prototype, 'view', function (this: SharedNetwork, factory: number) {
    return view.call(this, factory, true);
  });
  assert.deepEqual(summary(text), summed);
});

it('a clock that is an hour off, from the start or in the midst, changes nothing', () => {
  const skew = (at: string): string => `[fault clock]\nkind = clock\nhosts = wn-2 wn-5\nat = ${at}\nskew = 1h\n`;
  const { tenants, fillSeconds, ends } = summary(site(6));
  for (const at of ['0s', '47min']) {
    const skewed = summary(site(6, skew(at)));
    assert.deepEqual([skewed.tenants, skewed.fillSeconds, skewed.ends], [tenants, fillSeconds, ends], at);
  }
});

const divided = (network: string): string => `
[simulation]
duration = 100min
report_interval = 1min
network = ${network}
[settings]
space_refresh_seconds = 10
[hosts wn]
count = 8
processors = 4
[machinetype red]
target_share = 1
backoff_seconds = 60
fizzle_seconds = 60
[machinetype blue]
target_share = 1
backoff_seconds = 60
fizzle_seconds = 60
[work red]
waiting = endless
job_length = uniform 2min 6min
jobs_per_machine = 1
[work blue]
waiting = endless
job_length = uniform 2min 6min
jobs_per_machine = 1
[fault cut]
kind = partition
hosts = wn-1..wn-3
at = 30min
lasts = 30min
`;
for (const network of ['shared', 'members']) {
  it(`each side of a partition keeps its own shares, and after it the space is one again (${network})`, () => {
    const { scenario, census } = run(divided(network));
    const errors = census.samples.map((s) => [elapsed(scenario.start, s.at) / 60, s.shareError] as const);
    const worst = (from: number, to: number): number => Math.max(...errors.filter(([at]) => at >= from && at <= to).map(([, error]) => error));
    assert.ok(worst(10, 29) < 0.15);
    assert.ok(worst(75, 100) < 0.15, 'healed');
    assert.ok(
      census.samples.every(({ tenants }, i) => i < 5 || tenants.reduce((sum, t) => sum + t.running, 0) >= 28),
      'nobody waits for the others',
    );
  });
}

it('a black hole eats few machines, because the host stops itself', () => {
  const { queues } = run(site(6, '[fault hole]\nkind = black_hole\nhosts = wn-1\nat = 0s\nmessage = 500 No disk\n'));
  const { aborts } = summary(site(6, '[fault hole]\nkind = black_hole\nhosts = wn-1\nat = 0s\nmessage = 500 No disk\n'));
  assert.ok((aborts['500'] ?? 0) > 0);
  assert.ok((aborts['500'] ?? 0) < 40, `${aborts['500']} machines failed`);
  assert.ok((queues.get('blue')?.done ?? 0) > 0);
});

it('hosts that leave are told in time, and nothing runs when they do', () => {
  const text = site(3).replace('processors = 4', 'processors = 4\nleaves = 02:00\nnotice = 2h');
  const { handBack, tenants } = summary(text);
  assert.deepEqual(handBack, { cutOff: 0 });
  assert.ok(tenants.every((t) => t.jobs.running === 0));
});

it('rule vac31 starts one machine per minute and factory', () => {
  const { census, scenario } = run(site(2, '', 'rule = vac31').replace('report_interval = 5min', 'report_interval = 1min'));
  assert.ok(census.samples.every(({ tenants }) => tenants.reduce((sum, t) => sum + t.starts, 0) <= 2));
  assert.ok(elapsed(scenario.start, census.filledAt.get(0.99) ?? scenario.start) > 180);
});
