import type { EndCause } from '../../core/machine.ts';
import { type MachineId, type Seconds, seconds } from '../../core/units.ts';
import type { MachineOrder } from '../contract.ts';

/** How one simulated machine lives. */
export interface SimPlan {
  /** From acceptance to the end of the boot. */
  readonly boot: Seconds;
  /** From acceptance until it ends by itself. Absent: it runs on until its guest, a request or force ends it. */
  readonly run?: Seconds;
  /** How that end looks. Default `power-off`. */
  readonly ends?: EndCause;
  /** Nothing of it is listed after its end. */
  readonly traceless?: boolean;
  /** Ignores shutdown requests. */
  readonly deaf?: boolean;
  /** Processors' worth of CPU time used while running; default 1. */
  readonly busy?: number;
}

/** What happens to one call of the provider. */
export interface SimFault {
  readonly takes?: Seconds;
  /** `before`: refused, without effect. `after`: done, but the answer is lost. */
  readonly fails?: 'before' | 'after';
}

/** What happens to one listing. */
export interface SimListFault extends SimFault {
  /** Machines that are left out of a listing which says that it is incomplete. */
  readonly hides?: (id: MachineId) => boolean;
  /** Also shows machines destroyed since the listing before, as they were then. */
  readonly stale?: boolean;
}

/** Decides what the simulated world does. Every method absent: every call succeeds at once, and machines run until told otherwise. */
export interface SimScript {
  plan?(order: MachineOrder): SimPlan;
  create?(order: MachineOrder): SimFault;
  list?(): SimListFault;
  shutdown?(id: MachineId): SimFault;
  destroy?(id: MachineId): SimFault;
}

/** Uniform in [0, 1). */
export type Random = () => number;

/** Small seeded generator (mulberry32): the same seed gives the same numbers on every machine. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A seed from text, so that one machine's plan can be drawn again from its id alone (FNV-1a). */
export function seedOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** How rough a seeded world is. Probabilities per call or per machine; durations are upper limits of uniform draws, in seconds. */
export interface Weather {
  readonly boot: number;
  readonly run: number;
  readonly reset: number;
  readonly panic: number;
  readonly vanish: number;
  readonly traceless: number;
  readonly deaf: number;
  /** Machines that never end by themselves. */
  readonly endless: number;
  /** Each of: refused, answer lost. For creation, listing, shutdown and destruction alike. */
  readonly refused: number;
  readonly lostAnswer: number;
  readonly slow: number;
  readonly partialList: number;
  readonly staleList: number;
}

export const calm: Weather = {
  boot: 5,
  run: 600,
  reset: 0,
  panic: 0,
  vanish: 0,
  traceless: 0,
  deaf: 0,
  endless: 0,
  refused: 0,
  lostAnswer: 0,
  slow: 0,
  partialList: 0,
  staleList: 0,
};

export const stormy: Weather = {
  boot: 20,
  run: 900,
  reset: 0.1,
  panic: 0.1,
  vanish: 0.1,
  traceless: 0.1,
  deaf: 0.2,
  endless: 0.2,
  refused: 0.08,
  lostAnswer: 0.08,
  slow: 2,
  partialList: 0.1,
  staleList: 0.15,
};

/** Everything drawn from one generator. `weather` is asked at each call, so that a storm can pass. */
export function seededScript(random: Random, weather: () => Weather): SimScript {
  const fault = (): SimFault => {
    const w = weather();
    const draw = random();
    return {
      ...(w.slow > 0 ? { takes: seconds(random() * w.slow) } : {}),
      ...(draw < w.refused ? { fails: 'before' } : draw < w.refused + w.lostAnswer ? { fails: 'after' } : {}),
    };
  };
  const end = (w: Weather): EndCause => {
    const draw = random();
    if (draw < w.reset) return 'reset';
    if (draw < w.reset + w.panic) return 'panic';
    return draw < w.reset + w.panic + w.vanish ? 'vanished' : 'power-off';
  };
  return {
    plan: () => {
      const w = weather();
      const boot = seconds(random() * w.boot);
      return {
        boot,
        ends: end(w),
        deaf: random() < w.deaf,
        traceless: random() < w.traceless,
        ...(random() < w.endless ? {} : { run: seconds(boot + random() * w.run) }),
      };
    },
    create: fault,
    shutdown: fault,
    destroy: fault,
    list: () => {
      const w = weather();
      const hidden = random() < w.partialList;
      return { ...fault(), ...(hidden ? { hides: () => random() < 0.5 } : {}), stale: random() < w.staleList };
    },
  };
}
