import type { PeerStatus } from '../../core/observed.ts';
import { type Instant, instant, later, type Seconds } from '../../core/units.ts';
import type { Agenda } from '../agenda.ts';
import type { Random } from '../random.ts';
import { Component, type Fact, type Facts } from './component.ts';
import { History } from './history.ts';
import type { OnNews, SpaceNetwork, Told } from './types.ts';

export interface SharedOptions {
  readonly machinetypes: readonly string[];
  readonly names: readonly string[];
  readonly refresh: Seconds;
  readonly delay: Seconds;
  readonly loss: number;
  /** After so long a silence what a factory said does not count any more. */
  readonly forgetAfter: Seconds;
  /** Factories ask only when they are about to decide, as Vac 3.1 does. */
  readonly onDemand: boolean;
}

/** Tries of one round, for lost datagrams (spec/vacquery.md §7). */
const tries = 5;
const historySeconds = 5;

/**
 * The space as one running sum of all statuses instead of a table of all pairs. Each factory sees it as of its own last round of
 * questions, its own part taken off. For `decide` that is the same as the statuses one by one, because it only adds them and takes
 * the latest abort. Datagrams are not sent but counted; loss repeats some of them and hides nothing.
 */
export class SharedNetwork implements SpaceNetwork {
  readonly #options: SharedOptions;
  readonly #agenda: Agenda;
  readonly #onNews: OnNews;
  readonly #own: History<Facts>[];
  readonly #phase: number[];
  readonly #component: Component[];
  readonly #main = new Component();
  readonly #waiting = new Set<number>();
  readonly #cuts = new Map<string, ReadonlySet<number>>();
  readonly #loss = new Map<number, number>();
  #messages = 0;
  #countedTo: Instant;

  constructor(options: SharedOptions, agenda: Agenda, random: Random, onNews: OnNews) {
    this.#options = options;
    this.#agenda = agenda;
    this.#onNews = onNews;
    this.#own = options.names.map(() => new History<Facts>([]));
    this.#phase = options.names.map(() => random() * options.refresh * 1000);
    this.#component = options.names.map(() => this.#main);
    this.#countedTo = agenda.now;
  }

  publish(factory: number, told: readonly Told[], skew: Seconds): void {
    const facts = this.#options.machinetypes.map((name): Fact => {
      const one = told.find((t) => t.machinetype === name);
      if (one === undefined) return { hs06: 0, machines: 0, processors: 0, fresh: 0 };
      const abort = one.shutdownAt === undefined ? undefined : { at: later(one.shutdownAt, -skew), message: one.shutdownMessage ?? '', factory };
      return {
        hs06: one.runningHs06,
        machines: one.runningMachines,
        processors: one.runningProcessors,
        fresh: one.numBeforeFizzle,
        ...(abort !== undefined && { abort }),
      };
    });
    const component = this.#at(factory);
    if (!component.members.has(factory)) {
      this.#count();
      component.members.add(factory);
    }
    this.#own[factory]?.set(this.#second(), facts, this.#keepFrom());
    this.#hold(component, factory, facts);
  }

  view(factory: number, skew: Seconds): readonly PeerStatus[] {
    const asked = this.#options.onDemand ? later(this.#agenda.now, -2 * this.#options.delay) : this.#round(factory, this.#agenda.now);
    const second = Math.floor((asked - this.#options.delay * 1000) / 1000) - 1;
    const sums = this.#at(factory).sums.at(second);
    const own = this.#own[factory]?.at(second);
    return this.#options.machinetypes.map((machinetype, t): PeerStatus => {
      const [sum, mine] = [sums[t], own?.[t]];
      const less = (key: 'hs06' | 'machines' | 'processors' | 'fresh'): number => Math.max(0, round((sum?.[key] ?? 0) - (mine?.[key] ?? 0)));
      const abort = sum?.abort;
      return {
        factory: 'all others',
        machinetype,
        runningHs06: less('hs06'),
        runningMachines: less('machines'),
        runningProcessors: less('processors'),
        numBeforeFizzle: less('fresh'),
        ...(abort !== undefined && { shutdownMessage: abort.message, shutdownAt: later(abort.at, skew) }),
      };
    });
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

  shift(): void {
    // Facts are on the true clock already.
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
      for (const factory of component.members) this.#hold(component, factory, this.#own[factory]?.present ?? []);
      this.#forgetLater(
        component,
        [...component.held.keys()].filter((factory) => !component.members.has(factory)),
      );
    }
  }

  #hold(component: Component, factory: number, facts: Facts): void {
    if (!component.hold(factory, facts, this.#second(), this.#keepFrom())) return;
    for (const one of this.#waiting) {
      if (this.#at(one) !== component) continue;
      this.#waiting.delete(one);
      this.#onNews(one, this.#hears(one));
    }
  }

  /** First moment at which a factory's view contains what is so now. */
  #hears(factory: number): Instant {
    const { refresh, delay } = this.#options;
    const complete = instant((this.#second() + 2) * 1000 + delay * 1000);
    const round = this.#round(factory, complete);
    return round >= complete ? round : later(round, refresh);
  }

  #forgetLater(component: Component, factories: readonly number[]): void {
    const facts = factories.map((factory) => component.held.get(factory));
    this.#agenda.at(later(this.#agenda.now, this.#options.forgetAfter), () => {
      for (const [i, factory] of factories.entries()) {
        const silent = !component.members.has(factory) && component.held.get(factory) === facts[i];
        if (silent) this.#hold(component, factory, facts[i]?.map(withoutMachines) ?? []);
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
const withoutMachines = ({ abort }: Fact): Fact => ({ hs06: 0, machines: 0, processors: 0, fresh: 0, ...(abort !== undefined && { abort }) });

/** Sums and differences of decimal fractions, without their last bits. */
const round = (n: number): number => Math.round(n * 1e6) / 1e6;

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
