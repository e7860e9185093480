import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readScenario } from '../src/sim/scenario/read.ts';
import { type Simulated, simulate } from '../src/sim/simulate.ts';
import { summaryOf } from '../src/sim/summary.ts';
import { atMost, type BenchResult, shown } from './result.ts';

function simulated(text: string): Simulated {
  const { scenario, problems } = readScenario('bench.conf', text);
  if (scenario === undefined) throw new Error(problems.map((p) => `${p.line}: ${p.option}: ${p.text}`).join('\n'));
  return simulate(scenario);
}

const machinetype = (name: string, share: number): string => `
[machinetype ${name}]
target_share = ${share}
backoff_seconds = 600
fizzle_seconds = 600
`;

/** Machines of one job, two hours on average, so that some are replaced all the time. */
const endless = (name: string): string => `
[work ${name}]
waiting = endless
job_length = exponential 2h
jobs_per_machine = 1
`;

/** A space with work for all of three tenants. */
const busy = (factories: number, slots: number, minutes: number, network: string): string => `
[simulation]
duration = ${minutes}min
report_interval = 10s
network = ${network}
[hosts wn]
count = ${factories}
processors = ${slots}
boot = 60s
joins_within = 10s
${machinetype('red', 53)}${machinetype('green', 29)}${machinetype('blue', 18)}
${endless('red')}${endless('green')}${endless('blue')}`;

/** A space whose only tenant never has any work. */
const dry = (factories: number, rule: string): string => `
[simulation]
duration = 6h
rule = ${rule}
network = shared
[hosts wn]
count = ${factories}
processors = 8
boot = 60s
${machinetype('tenant', 1)}
[work tenant]
idle = 120s
`;

function filling(): BenchResult[] {
  const { fillSeconds, shareError } = summaryOf(simulated(busy(1000, 20, 31, 'shared')));
  const note = '1,000 factories × 20 slots, boot 60 s, from empty';
  return [
    atMost('simulated space filled to 99 %', (fillSeconds.full ?? Number.POSITIVE_INFINITY) / 60, 'min', 5, { floor: 1, note }),
    atMost('share error of a simulated space after 30 min', (shareError.after30min ?? 1) * 100, '%', 1, { note: 'jobs of 2 h on average; docs/simulator.md' }),
  ];
}

function scouts(): BenchResult[] {
  return [10, 100, 1000].flatMap((factories) => {
    const [ours, theirs] = ['vacua', 'vac31'].map((rule) => summaryOf(simulated(dry(factories, rule))).scouts);
    return [
      atMost(`scouts per back-off, ${factories} factories`, ours?.mean ?? Number.NaN, '', 1.5, {
        note: `${ours?.windows} windows, at most ${ours?.most}; rule vac31: mean ${theirs?.mean}, at most ${theirs?.most}`,
      }),
    ];
  });
}

/** Every datagram up to 100 factories; beyond, counted. */
function messages(): BenchResult[] {
  const sizes = [
    [10, 'members'],
    [100, 'members'],
    [1000, 'shared'],
    [10_000, 'shared'],
  ] as const;
  return sizes.map(([factories, network]) => {
    const { messages: sent } = summaryOf(simulated(busy(factories, 2, 10, network)));
    const each = sent.perFactoryAndMinute / (factories - 1);
    return shown(`messages per factory and minute, ${factories} factories`, sent.perFactoryAndMinute, '', {
      note: `${network === 'members' ? 'real datagrams' : 'counted'}; ${each.toFixed(2)} per pair and minute: in proportion to the factories, the space as a whole to their square`,
    });
  });
}

/** The hosts of Sim@P1 and their tenants for a whole day, one of which runs dry after half of it. */
function wholeDay(): BenchResult[] {
  const scenario = readFileSync(join(import.meta.dirname, '..', 'examples', 'scenarios', 'sim-at-p1.conf'), 'utf8');
  const before = process.cpuUsage();
  const run = simulated(scenario.replaceAll(/^(leaves|notice) = .*$/gm, '').replace('rate = 2000/h', 'rate = 1500/h'));
  const { user, system } = process.cpuUsage(before);
  const { decisions, starts, aborts, fillSeconds } = summaryOf(run);
  return [
    atMost('20,000 slots over 24 h simulated', (user + system) / 1e6, 's', 120, {
      note: `CPU time; ${decisions.total} decisions, ${starts} machines, ${aborts['300'] ?? 0} without work`,
    }),
    atMost('Sim@P1: filled to 99 %', (fillSeconds.full ?? Number.POSITIVE_INFINITY) / 60, 'min', 90, {
      note: 'simulated; hosts join within 5 min, boot 3 min',
    }),
  ];
}

/** The simulator's own speed, and what it says of large spaces (docs/simulator.md). */
export async function run(): Promise<BenchResult[]> {
  return [...filling(), ...scouts(), ...messages(), ...wholeDay()];
}
