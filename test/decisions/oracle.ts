/**
 * Vac 3.1's choice, written a second time straight from the sentences of spec/factory.md §6.3, §8–10, over the JSON of a situation,
 * without a thought for speed. Departures of spec/decisions.md §3 included. For situations with whole numbers only.
 */
export interface SlowMachine {
  slot: number;
  machinetype: string;
  processors: number;
  hs06?: number;
  state: 'running' | 'stopped' | 'finished' | 'starting' | 'paused';
  created_ago: number;
  started_ago?: number;
  heartbeat_ago?: number;
  ends_in: number;
  shutdown_message?: string;
  message_ago?: number;
  job_heartbeat_ago?: number;
}
export interface SlowType {
  target_share: number;
  machinegroup: string;
  min_processors: number;
  max_processors: number;
  min_wallclock_seconds: number;
  max_wallclock_seconds: number;
  backoff_seconds: number;
  fizzle_seconds: number;
  heartbeat_file?: string;
  heartbeat_seconds: number;
}
export interface SlowPeer {
  factory: string;
  machinetype: string;
  running_hs06: number;
  running_machines: number;
  num_before_fizzle: number;
  shutdown_message: string | null;
  shutdown_ago: number | null;
}
export interface SlowSituation {
  factory: {
    slots: number;
    total_processors: number;
    load_average: number;
    processors_per_superslot: number;
    overload_per_processor: number;
    draining: string;
    shutdown_in?: number;
  };
  machinetypes: Record<string, SlowType>;
  local_machines: SlowMachine[];
  space: SlowPeer[];
}

export interface SlowDecision {
  readonly reason?: string;
  /** With several entries the original draws. */
  readonly choices: readonly { machinetype: string; processors: number; superslot: 'existing' | 'new'; slot: number; ends_in: number }[];
  readonly destroyed: readonly number[];
  readonly messages: Record<string, string>;
  readonly shortened: Record<string, number>;
}

export function slowDecision(s: SlowSituation): SlowDecision {
  const f = s.factory;
  const shutdownIn = f.shutdown_in ?? Number.POSITIVE_INFINITY;
  const running: SlowMachine[] = [];
  const aborts: { machinetype: string; ago: number }[] = [];
  const destroyed: number[] = [];
  const messages: Record<string, string> = {};
  const shortened: Record<string, number> = {};

  const ended = (m: SlowMachine, livedUntilAgo: number, byWallclock: boolean): void => {
    const said = m.shutdown_message?.trim() ?? '';
    const head = said.slice(0, 3).trim();
    if (/^[+-]?\d+$/.test(head)) {
      if (Number(head) >= 300) aborts.push({ machinetype: m.machinetype, ago: m.message_ago ?? 0 });
      return;
    }
    if (byWallclock || m.started_ago === undefined) return;
    const fizzle = s.machinetypes[m.machinetype]?.fizzle_seconds ?? 600;
    if (m.started_ago - livedUntilAgo < fizzle) aborts.push({ machinetype: m.machinetype, ago: livedUntilAgo });
  };

  for (const m of s.local_machines) {
    const type = s.machinetypes[m.machinetype];
    if (m.state === 'finished' || m.state === 'stopped' || m.state === 'starting') {
      ended(m, m.heartbeat_ago ?? 0, false);
    } else if (m.state === 'paused') {
      destroyed.push(m.slot);
      ended(m, m.heartbeat_ago ?? 0, false);
    } else {
      let endsIn = m.ends_in;
      if (shutdownIn < endsIn) {
        endsIn = shutdownIn;
        shortened[m.slot] = endsIn;
      }
      const age = m.started_ago ?? 0;
      let fault: string | undefined;
      if (type?.heartbeat_file !== undefined && type.fizzle_seconds > 0 && age > type.fizzle_seconds) {
        if (m.job_heartbeat_ago === undefined) fault = '700 Heartbeat file not created';
        else if (type.heartbeat_seconds > 0 && m.job_heartbeat_ago > type.heartbeat_seconds) fault = '700 Heartbeat file not updated';
      }
      if (endsIn < 0) {
        destroyed.push(m.slot);
        ended(m, 0, true);
      } else if (fault !== undefined) {
        destroyed.push(m.slot);
        const left = (m.shutdown_message ?? '').trim() === '';
        if (left) messages[m.slot] = fault;
        ended(left ? { ...m, shutdown_message: fault, message_ago: 0 } : m, 0, false);
      } else {
        running.push({ ...m, ends_in: endsIn });
      }
    }
  }
  const rest = { destroyed: destroyed.sort((a, b) => a - b), messages, shortened };

  const R = running.reduce((sum, m) => sum + m.processors, 0);
  const N = f.total_processors;
  if (R > 4 && f.load_average > f.overload_per_processor * R) return { reason: 'load', choices: [], ...rest };
  if (f.load_average > f.overload_per_processor * f.slots) return { reason: 'load', choices: [], ...rest };
  if (shutdownIn < 0) return { reason: 'shutdown_time_passed', choices: [], ...rest };
  if (f.draining.toLowerCase() === 'yes') return { reason: 'draining', choices: [], ...rest };
  if (R >= N) return { reason: 'no_free_processors', choices: [], ...rest };

  const hs06 = (name: string): number =>
    s.space.filter((p) => p.machinetype === name).reduce((sum, p) => sum + p.running_hs06, 0) +
    running.filter((m) => m.machinetype === name).reduce((sum, m) => sum + (m.hs06 ?? m.processors), 0);
  const names = Object.keys(s.machinetypes);
  const type = (name: string): SlowType => s.machinetypes[name] as SlowType;
  const score = (name: string): number => hs06(name) / type(name).target_share;
  const groupScore = (name: string): number =>
    names.filter((other) => type(other).machinegroup === type(name).machinegroup && type(other).target_share > 0).reduce((sum, other) => sum + score(other), 0);

  const eligible = names.filter((name) => {
    const t = type(name);
    if (t.target_share <= 0 || !(t.min_wallclock_seconds < shutdownIn)) return false;
    const fresh =
      s.space.filter((p) => p.machinetype === name).reduce((sum, p) => sum + p.num_before_fizzle, 0) +
      running.filter((m) => m.machinetype === name && (m.started_ago ?? 0) < t.fizzle_seconds).length;
    const agos = [
      ...aborts.filter((a) => a.machinetype === name).map((a) => a.ago),
      ...s.space
        .filter(
          (p) => p.machinetype === name && p.shutdown_message !== null && p.shutdown_ago !== null && /^\s*\+?\d+\s*$/.test(p.shutdown_message.slice(0, 3)),
        )
        .filter((p) => Number((p.shutdown_message as string).slice(0, 3)) >= 300)
        .map((p) => p.shutdown_ago as number),
    ];
    const wait = t.backoff_seconds + (fresh > 0 ? t.fizzle_seconds : 0);
    return agos.every((ago) => ago > wait);
  });
  if (eligible.length === 0) return { reason: 'none_eligible', choices: [], ...rest };

  // The first that fits, and with it all that are as starved and fit too.
  const near = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(a), Math.abs(b));
  const firstThatFit = (fits: (t: SlowType) => boolean): string[] => {
    const fitting = eligible.filter((name) => fits(type(name)));
    const leastGroup = Math.min(...fitting.map(groupScore));
    const inGroup = fitting.filter((name) => near(groupScore(name), leastGroup));
    const least = Math.min(...inGroup.map(score));
    return inGroup.filter((name) => near(score(name), least));
  };

  const q = f.processors_per_superslot;
  let slot = 0;
  while (running.some((m) => m.slot === slot)) slot++;
  let free = N - R;
  const ends = [...new Set(running.map((m) => m.ends_in))].sort((a, b) => a - b);
  for (const t of q > 1 ? ends : []) {
    const used = running.filter((m) => m.ends_in === t).reduce((sum, m) => sum + m.processors, 0);
    if (used % q === 0) continue;
    const gap = Math.min(free, q - (used % q));
    free -= gap;
    const found = firstThatFit((m) => m.min_processors <= gap && m.min_wallclock_seconds <= t && t <= m.max_wallclock_seconds);
    if (found.length > 0) {
      return {
        choices: found.map((name) => ({ machinetype: name, processors: Math.min(gap, type(name).max_processors, q), superslot: 'existing', slot, ends_in: t })),
        ...rest,
      };
    }
  }
  const found = free > 0 ? firstThatFit((m) => m.min_processors <= Math.min(free, q)) : [];
  if (found.length === 0) return { reason: 'none_suitable', choices: [], ...rest };
  const choices = found.map((name) => ({
    machinetype: name,
    processors: Math.min(free, type(name).max_processors, q),
    superslot: 'new' as const,
    slot,
    ends_in: Math.min(type(name).max_wallclock_seconds, shutdownIn),
  }));
  return { choices, ...rest };
}
