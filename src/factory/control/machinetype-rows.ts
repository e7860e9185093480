import { isLive, type Machine } from '../../core/machine.ts';
import type { Configuration } from '../../core/settings.ts';
import type { Decision } from '../../core/decision.ts';
import type { MachinetypeAnswer } from './answers.ts';

/** One row for every configured machinetype and for every other that has a machine here, by name. */
export function machinetypeRows(
  configuration: Configuration | undefined,
  machines: readonly Machine[],
  decision: Decision | undefined,
): readonly MachinetypeAnswer[] {
  const byType = Map.groupBy(machines, (m) => m.machinetype);
  const names = new Set([...(configuration?.machinetypes.keys() ?? []), ...byType.keys()]);
  return [...names].sort().map((name) => {
    const own = byType.get(name) ?? [];
    const configured = configuration?.machinetypes.get(name);
    const reason = decision?.reasons.machinetypes.find((r) => r.machinetype === name);
    const count = (state: Machine['state']): number => own.filter((m) => m.state === state).length;
    const last = latestEnd(own);
    return {
      name,
      targetShare: configured?.targetShare ?? 0,
      ...(configured === undefined ? {} : { origin: configured.origin, machinegroup: configured.machinegroup, model: configured.model }),
      machines: { creating: count('creating'), running: count('running'), ending: count('ending'), finished: count('finished') },
      processors: own.filter(isLive).reduce((sum, m) => sum + m.processors, 0),
      ...(reason === undefined ? {} : { reason }),
      ...(last === undefined ? {} : { lastEnd: { machine: last.name, at: last.finishedAt, outcome: last.outcome } }),
    };
  });
}

type Finished = Extract<Machine, { state: 'finished' }>;
function latestEnd(machines: readonly Machine[]): Finished | undefined {
  const ended = machines.filter((m): m is Finished => m.state === 'finished');
  return ended.reduce<Finished | undefined>((best, m) => (best === undefined || m.finishedAt > best.finishedAt ? m : best), undefined);
}
