import { decide } from '../../src/core/decide/decide.ts';
import type { Rule } from '../../src/core/decision.ts';
import type { Machine } from '../../src/core/machine.ts';
import type { PeerStatus } from '../../src/core/observed.ts';
import { type Instant, later, seconds } from '../../src/core/units.ts';
import { complete, configurationWith, inState, now, observedWith, running, typeNamed } from './world.ts';

/** A space after an abort, in which nobody asks anybody and every factory decides with the real core on what it last heard. */
export interface ScoutSpace {
  readonly factories: number;
  readonly rule: Rule;
  /** Part of the factories that have room for a machine. */
  readonly room: number;
  /** Part of the factories that do not answer, and do nothing. */
  readonly silent: number;
  readonly random: () => number;
}

export interface Scouting {
  /** Machines started from the end of the back-off until everybody could know of the first. */
  readonly scouts: number;
  /** Seconds from the end of the back-off to the first; undefined: none within `fizzle_seconds`. */
  readonly after?: number;
}

/** What Vac 3.1 does between two looks, and how long it takes until a creation is seen by others. */
const vacCycle = 60;
const vacLatency = 2;
/** Our factories hear of each other at least so often. */
const refresh = 10;
const backoff = 600;
const fizzle = 600;

const type = typeNamed('tenant', { backoff: seconds(backoff), fizzle: seconds(fizzle) });
const quiet = later(now, backoff);

export function scouting({ factories, rule, room, silent, random }: ScoutSpace): Scouting {
  const names = Array.from({ length: factories }, (_, i) => `wn${i}.example.com`);
  const configuration = configurationWith([type], { factories: names, startRatePerMinute: 1 });
  const down = new Set(names.filter(() => random() < silent));
  const answering = names.filter((name) => !down.has(name));
  const origin = answering[Math.floor(random() * answering.length)] ?? '';
  const aborted: Machine = {
    ...inState(running(), 'finished'),
    machinetype: type.name,
    state: 'finished',
    finishedAt: now,
    outcome: { code: 300, message: '300 No work', cause: 'power-off', abort: true, at: now },
  };
  const status = (factory: string, machines: number): PeerStatus => ({
    factory,
    machinetype: type.name,
    runningHs06: machines,
    runningMachines: machines,
    runningProcessors: machines,
    numBeforeFizzle: machines,
    ...(factory === origin ? { shutdownMessage: '300 No work', shutdownAt: now } : {}),
  });
  /** What everybody says, from a moment on. */
  const said: { readonly at: Instant; readonly space: readonly PeerStatus[] }[] = [{ at: now, space: answering.map((name) => status(name, 0)) }];
  const heardAt = (t: Instant): readonly PeerStatus[] => said.findLast(({ at }) => at <= t)?.space ?? [];
  const full = complete();
  const free = { ...full, foreignProcessors: 0 };
  const members = answering.map((name) => ({
    name,
    listing: random() < room ? free : { ...full, foreignProcessors: 8 },
    /** Half a second of error in what it knows of the abort. */
    skew: random() - 0.5,
    phase: random() * (rule === 'vac31' ? vacCycle : refresh),
    wake: quiet,
    space: heardAt(now),
  }));
  const able = new Set(members.filter((m) => m.listing === free));
  let first: Instant | undefined;
  let scouts = 0;
  const act = (m: (typeof members)[number], t: Instant): void => {
    const known = later(t, m.skew);
    const observed = observedWith(m.name === origin ? [aborted] : [], m.listing, {
      now: known,
      space: m.space,
      silent: [...down],
      host: { factory: m.name, processors: 8, load: 0 },
    });
    const { actions, wakeAt } = decide(observed, configuration, () => 0.5, rule);
    m.wake = later(wakeAt, -m.skew);
    if (!actions.some((a) => a.kind === 'create')) return;
    able.delete(m);
    first ??= t;
    scouts += 1;
    const last = said.at(-1)?.space ?? [];
    said.push({ at: later(t, rule === 'vac31' ? vacLatency : 0), space: last.map((s) => (s.factory === m.name ? status(m.name, 1) : s)) });
  };
  const tick = 0.5;
  for (let s = -2; s < fizzle; s += tick) {
    const t = later(quiet, s);
    // Half a minute after the first, everybody has heard of it.
    if (first !== undefined && t > later(first, rule === 'vac31' ? vacCycle : 30)) break;
    for (const m of able) {
      const period = rule === 'vac31' ? vacCycle : refresh;
      const before = (s - m.phase - tick) / period;
      const due = Math.floor((s - m.phase) / period) > Math.floor(before);
      if (due) m.space = heardAt(t);
      if (rule === 'vac31' ? due : t >= m.wake) act(m, t);
    }
  }
  return { scouts, ...(first === undefined ? {} : { after: (first - quiet) / 1000 }) };
}

/** The same numbers for the same seed, from 0 to 1. */
export function seeded(seed: number): () => number {
  let state = (seed * 2_654_435_761 + 1) >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
