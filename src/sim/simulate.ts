import { machineId, type Instant, later, seconds } from '../core/units.ts';
import { Agenda } from './agenda.ts';
import { Census, type Tenant } from './census.ts';
import { SimFactory } from './factory.ts';
import { inject } from './inject.ts';
import { networkFor, networkKind } from './network/choose.ts';
import type { SpaceNetwork } from './network/types.ts';
import { seeded } from './random.ts';
import type { Scenario } from './scenario/types.ts';
import { TaskQueue } from './work.ts';

/** Vac 3.1 turns about once a minute. */
const vac31Cycle = seconds(60);

/** All that came out of a simulation; the same scenario and seed give the same, to the last machine. */
export interface Simulated {
  readonly scenario: Scenario;
  readonly network: 'members' | 'shared';
  readonly end: Instant;
  readonly census: Census;
  readonly queues: ReadonlyMap<string, TaskQueue>;
  readonly decisions: number;
  readonly messages: number;
  /** Sum over all factories of the time in which they ran, in minutes. */
  readonly factoryMinutes: number;
}

/** Runs a scenario to its end. */
export function simulate(scenario: Scenario): Simulated {
  const run = simulation(scenario);
  for (let step = run.next(); ; step = run.next()) if (step.done) return step.value;
}

/** A simulation on its way. */
export interface Underway {
  /** From 0 to 1. */
  readonly done: number;
  readonly now: Instant;
  readonly factories: readonly SimFactory[];
}

/** The same in steps of a report interval. */
export function* simulation(scenario: Scenario): Generator<Underway, Simulated, void> {
  const { start, hosts, seed } = scenario;
  const end = later(start, scenario.duration);
  const agenda = new Agenda(start);
  const machinetypes = new Map(scenario.groups.flatMap((group) => [...group.configuration.machinetypes]));
  const queues = new Map([...scenario.work].map(([name, work]) => [name, new TaskQueue(work, agenda, seeded(seed, `work ${name}`))]));
  const tenants = [...machinetypes.values()].map(
    (type): Tenant => ({
      name: type.name,
      share: type.targetShare,
      group: type.machinegroup,
      backoff: type.backoff,
      fizzle: type.fizzle,
      queue: queues.get(type.name),
    }),
  );
  const census = new Census(tenants, hosts, () => agenda.now);
  const kind = networkKind(scenario);
  const factories: SimFactory[] = [];
  const timings = [...machinetypes.values()].map(({ name, backoff, backoffMax, fizzle }) => ({ name, longestPause: backoffMax ?? backoff, fizzle }));
  const network: SpaceNetwork = networkFor(kind, scenario, agenda, timings, (factory, at) => factories[factory]?.wake(at));
  let ids = 0;
  const world = {
    agenda,
    network,
    census,
    queues,
    names: hosts.map((host) => host.name),
    rule: scenario.rule,
    ...(scenario.rule === 'vac31' && { cycle: vac31Cycle }),
    newId: () => machineId(`00000000-0000-4000-8000-${String(ids++).padStart(12, '0')}`),
  };
  for (const [index, host] of hosts.entries()) factories.push(new SimFactory(index, host, world, seeded(seed, `factory ${host.name}`)));

  const present = new Set<number>();
  const down = new Map<number, number>();
  const restore = (index: number): void => {
    if (present.has(index) && (down.get(index) ?? 0) === 0) factories[index]?.start();
  };
  for (const [index, { group, index: place }] of hosts.entries()) {
    agenda.at(later(group.joins, (group.joinsWithin * place) / group.count), () => {
      present.add(index);
      census.joined(index);
      restore(index);
    });
    const { leaves } = group;
    if (leaves === undefined) continue;
    agenda.at(later(leaves, -group.notice), () => factories[index]?.setShutdownTime(leaves));
    agenda.at(leaves, () => {
      present.delete(index);
      census.left(index);
      factories[index]?.crash();
    });
  }
  for (const fault of scenario.faults) inject(fault, { agenda, network, factories, restore, down });

  let factoryMinutes = 0;
  const sample = (): void => census.sample(network.messages, factories.filter((f) => f.up).length);
  agenda.at(start, sample);
  for (let at = later(start, scenario.reportInterval); at <= end; at = later(at, scenario.reportInterval)) {
    agenda.runUntil(at);
    sample();
    factoryMinutes += ((census.samples.at(-1)?.factories ?? 0) * scenario.reportInterval) / 60;
    yield { done: (at - start) / (end - start), now: at, factories };
  }
  agenda.runUntil(end);
  return {
    scenario,
    network: kind,
    end,
    census,
    queues,
    decisions: factories.reduce((sum, f) => sum + f.decisions, 0),
    messages: network.messages,
    factoryMinutes,
  };
}
