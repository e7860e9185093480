import type { PeerStatus } from '../../core/observed.ts';
import { ageLimit } from '../../core/space/peers.ts';
import type { OwnStatus } from '../../core/space/types.ts';
import { type Instant, instant, later, seconds, type Seconds } from '../../core/units.ts';
import type { Agenda } from '../agenda.ts';
import { Component, type Statuses, type Sum } from './component.ts';
import type { NetworkOptions, OnNews, SpaceNetwork } from './types.ts';

/** What decides how long an abort matters. */
export interface TypeTiming {
  readonly name: string;
  /** Longest pause after an abort. */
  readonly longestPause: Seconds;
  readonly fizzle: Seconds;
}

export interface SharedOptions extends NetworkOptions {
  readonly machinetypes: readonly TypeTiming[];
  /** Factories ask only when they are about to decide, as Vac 3.1 does. */
  readonly onDemand: boolean;
}

/** Tries of one round, for lost datagrams (spec/vacquery.md §7). */
const tries = 5;
const historySeconds = 5;

/** A view is this much older than a round at most, and an abort's time this much different between two factories. */
const marginSeconds = 60;

/**
 * The space as one running sum of all statuses instead of a table of all pairs. Each factory sees it as of its own last round of
 * questions, its own part taken off; for `decide` that is the same as the statuses one by one, because it adds them and takes the
 * latest abort. While an abort matters, when factories elect each other and look at single ones, they see the statuses one by one,
 * of which there is one list per second for all. Datagrams are not sent but counted; loss repeats some of them and hides nothing.
 */
export class SharedNetwork implements SpaceNetwork {
  readonly #options: SharedOptions;
  readonly #agenda: Agenda;
  readonly #onNews: OnNews;
  /** The last word of each. */
  readonly #told: Statuses[];
  /** When each began to ask: its rounds follow from there. */
  readonly #phase: number[];
  readonly #skew: Seconds[];
  readonly #component: Component[];
  readonly #main = new Component();
  readonly #waiting = new Set<number>();
  readonly #cuts = new Map<string, ReadonlySet<number>>();
  readonly #loss = new Map<number, number>();
  #messages = 0;
  #countedTo: Instant;

  constructor(options: SharedOptions, agenda: Agenda, onNews: OnNews) {
    this.#options = options;
    this.#agenda = agenda;
    this.#onNews = onNews;
    this.#told = options.names.map(() => []);
    this.#phase = options.names.map(() => 0);
    this.#skew = options.names.map(() => seconds(0));
    this.#component = options.names.map(() => this.#main);
    this.#countedTo = agenda.now;
  }

  open(factory: number, skew: Seconds, ready: () => void): void {
    this.#phase[factory] = this.#agenda.now;
    this.#skew[factory] = skew;
    const { delay } = this.#options;
    this.#agenda.at(later(this.#agenda.now, 2 * delay), ready);
  }

  publish(factory: number, own: OwnStatus): void {
    const name = this.#options.names[factory] ?? '';
    const skew = this.#skew[factory] ?? 0;
    const statuses = this.#options.machinetypes.map((type): PeerStatus => {
      const one = own.machinetypes.find((t) => t.machinetype === type.name);
      const { runningHs06 = 0, runningMachines = 0, runningProcessors = 0, numBeforeFizzle = 0, shutdownAt, shutdownMessage, usage } = one ?? {};
      return {
        factory: name,
        machinetype: type.name,
        runningHs06,
        runningMachines,
        runningProcessors,
        numBeforeFizzle,
        ...(shutdownMessage !== undefined && { shutdownMessage }),
        ...(shutdownAt !== undefined && { shutdownAt: later(shutdownAt, -skew) }),
        ...(usage !== undefined && { usageHs06Hours: usage }),
      };
    });
    const component = this.#at(factory);
    if (!component.members.has(factory)) {
      this.#count();
      component.members.add(factory);
    }
    if (this.#options.push) this.#countPushes(component, this.#told[factory] ?? [], statuses);
    this.#told[factory] = statuses;
    this.#hold(component, factory, statuses);
  }

  view(factory: number, oneByOne: boolean): { readonly peers: readonly PeerStatus[]; readonly silent: readonly string[] } {
    return { peers: this.#peers(factory, oneByOne), silent: [] };
  }

  #peers(factory: number, oneByOne: boolean): readonly PeerStatus[] {
    const skew = this.#skew[factory] ?? seconds(0);
    const { push, onDemand, delay } = this.#options;
    const asked = push || onDemand ? later(this.#agenda.now, -2 * delay) : this.#round(factory, this.#agenda.now);
    const second = Math.floor((asked - delay * 1000) / 1000) - 1;
    const component = this.#at(factory);
    const sums = component.sums.at(second);
    const own = component.held.get(factory)?.at(second) ?? [];
    if (oneByOne || this.#options.machinetypes.some((type, t) => this.#abortMatters(type, sums[t], own[t]))) {
      const list = component.list(second, this.#keepFrom());
      if (skew === 0) return list;
      return list.map((status) => (status.shutdownAt === undefined ? status : { ...status, shutdownAt: later(status.shutdownAt, skew) }));
    }
    return this.#options.machinetypes.map(({ name }, t): PeerStatus => {
      const [sum, mine] = [sums[t], own[t]];
      const abort = sum?.abort;
      return {
        factory: 'all others',
        machinetype: name,
        runningHs06: difference(sum?.hs06, mine?.runningHs06),
        runningMachines: difference(sum?.machines, mine?.runningMachines),
        runningProcessors: difference(sum?.processors, mine?.runningProcessors),
        numBeforeFizzle: difference(sum?.fresh, mine?.numBeforeFizzle),
        ...(sum?.usage !== undefined && { usageHs06Hours: difference(sum.usage, mine?.usageHs06Hours) }),
        ...(abort !== undefined && { shutdownMessage: abort.message, shutdownAt: later(abort.at, skew) }),
      };
    });
  }

  /** Whether single factories count for this machinetype: it backs off or is tried, or nobody else has a machine that has proved itself. */
  #abortMatters({ longestPause, fizzle }: TypeTiming, sum: Sum | undefined, own: PeerStatus | undefined): boolean {
    if (sum?.abort === undefined) return false;
    if (this.#agenda.now <= later(sum.abort.at, longestPause + fizzle + marginSeconds)) return true;
    return difference(sum.machines, own?.runningMachines) <= difference(sum.fresh, own?.numBeforeFizzle);
  }

  lost(factory: number): void {
    this.#count();
    const component = this.#at(factory);
    component.members.delete(factory);
    this.#waiting.delete(factory);
    this.#forgetLater(component, [factory]);
  }

  cut(name: string, factories: readonly number[]): void {
    this.#cuts.set(name, new Set(factories));
    this.#regroup();
  }

  heal(name: string): void {
    this.#cuts.delete(name);
    this.#regroup();
  }

  setLoss(factories: readonly number[], loss: number | undefined): void {
    this.#count();
    for (const factory of factories) {
      if (loss === undefined) this.#loss.delete(factory);
      else this.#loss.set(factory, loss);
    }
  }

  shift(factory: number, by: Seconds): void {
    this.#skew[factory] = seconds((this.#skew[factory] ?? 0) + by);
  }

  await(factory: number): void {
    this.#waiting.add(factory);
  }

  get messages(): number {
    this.#count();
    return Math.round(this.#messages);
  }

  /** Which cuts a factory is inside of decides whom it hears. */
  #regroup(): void {
    this.#count();
    const before = [...this.#component];
    const byKey = new Map<string, Component>();
    const key = (factory: number): string => [...this.#cuts].flatMap(([name, set]) => (set.has(factory) ? [name] : [])).join(' ');
    const answering = before.map((component, factory) => component.members.has(factory));
    for (const [factory, old] of before.entries()) {
      const k = key(factory);
      const component = byKey.get(k) ?? (k === '' ? this.#main : new Component(old));
      byKey.set(k, component);
      this.#component[factory] = component;
    }
    for (const component of byKey.values()) component.members.clear();
    for (const [factory, answers] of answering.entries()) if (answers) this.#at(factory).members.add(factory);
    for (const component of byKey.values()) {
      for (const factory of component.members) this.#hold(component, factory, this.#told[factory] ?? []);
      this.#forgetLater(
        component,
        [...component.held.keys()].filter((factory) => !component.members.has(factory)),
      );
    }
  }

  #hold(component: Component, factory: number, statuses: Statuses): void {
    if (!component.hold(factory, statuses, this.#second(), this.#keepFrom())) return;
    for (const one of this.#waiting) {
      if (this.#at(one) !== component) continue;
      this.#waiting.delete(one);
      this.#onNews(one, this.#hears(one));
    }
  }

  /** First moment at which a factory's view contains what is so now. */
  #hears(factory: number): Instant {
    const { refresh, delay, push } = this.#options;
    const complete = instant((this.#second() + 2) * 1000 + delay * 1000);
    if (push) return later(complete, 2 * delay);
    const round = this.#round(factory, complete);
    return round >= complete ? round : later(round, refresh);
  }

  #forgetLater(component: Component, factories: readonly number[]): void {
    const told = factories.map((factory) => component.held.get(factory)?.present);
    this.#agenda.at(later(this.#agenda.now, ageLimit(this.#options.refresh)), () => {
      for (const [i, factory] of factories.entries()) {
        const silent = !component.members.has(factory) && component.held.get(factory)?.present === told[i];
        if (silent) this.#hold(component, factory, told[i]?.map(withoutMachines) ?? []);
      }
    });
  }

  /** Start of the last round of questions of a factory. */
  #round(factory: number, at: Instant): Instant {
    const phase = this.#phase[factory] ?? 0;
    const every = this.#options.refresh * 1000;
    return instant(Math.floor((at - phase) / every) * every + phase);
  }

  /** Adds the datagrams since the last count: per round one question to each other member, one answer for each machinetype, and repeats. */
  #count(): void {
    const rounds = (this.#agenda.now - this.#countedTo) / 1000 / this.#options.refresh;
    this.#countedTo = this.#agenda.now;
    if (rounds === 0) return;
    for (const { members } of new Set(this.#component)) {
      let per = 0;
      for (const factory of members) per += datagrams(this.#options.machinetypes.length, Math.max(this.#loss.get(factory) ?? 0, this.#options.loss));
      this.#messages += rounds * per * Math.max(0, members.size - 1);
    }
  }

  /** A start or an end is told to all others, one datagram for each machinetype (those within half a second together, which is neglected). */
  #countPushes({ members }: Component, before: Statuses, now: Statuses): void {
    const changed = now.filter((one, t) => one.runningMachines !== before[t]?.runningMachines || one.shutdownAt !== before[t]?.shutdownAt);
    this.#messages += changed.length * Math.max(0, members.size - 1);
  }

  #at(factory: number): Component {
    return this.#component[factory] ?? this.#main;
  }
  #second(): number {
    return Math.floor(this.#agenda.now / 1000);
  }
  #keepFrom(): number {
    return this.#second() - this.#options.refresh - historySeconds;
  }
}

/** What is left of a silent factory: its machines may be gone, its aborts stay aborts. */
const withoutMachines = (status: PeerStatus): PeerStatus => ({ ...status, runningHs06: 0, runningMachines: 0, runningProcessors: 0, numBeforeFizzle: 0 });

/** Without the last bits, which sums of decimal fractions leave. */
const difference = (a: number | undefined, b: number | undefined): number => Math.max(0, Math.round(((a ?? 0) - (b ?? 0)) * 1e6) / 1e6);

/** Questions and answers of one pair in one round: a try is repeated unless the question and all answers come through. */
export function datagrams(machinetypes: number, loss: number): number {
  const asked = 1 - loss;
  const whole = asked * asked ** machinetypes;
  let count = 0;
  let again = 1;
  for (let i = 0; i < tries; i++) {
    count += again * (1 + asked * machinetypes);
    again *= 1 - whole;
  }
  return count;
}
