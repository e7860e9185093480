import { hs06Of, type Machine } from '../core/machine.ts';
import { type Instant, later } from '../core/units.ts';
import type { Configuration } from '../core/settings.ts';
import type { Told } from './network/types.ts';

type Line = { -readonly [K in keyof Told]: Told[K] };

/** What a factory tells of its machinetypes (spec/vacquery.md §6.3), and when time alone will change that. Of aborts the most recent counts (spec/factory.md §9.2). */
export function toldOf(
  configuration: Configuration,
  machines: readonly Machine[],
  past: readonly Machine[],
  now: Instant,
): { readonly told: readonly Told[]; readonly changesAt: Instant | undefined } {
  const lines = new Map<string, Line>();
  for (const name of configuration.machinetypes.keys()) {
    lines.set(name, { machinetype: name, runningHs06: 0, runningMachines: 0, runningProcessors: 0, numBeforeFizzle: 0 });
  }
  let changesAt: Instant | undefined;
  for (const m of machines) {
    const line = lines.get(m.machinetype);
    if (line === undefined) continue;
    if (m.state === 'finished') {
      noteAbort(line, m);
      continue;
    }
    line.runningHs06 += hs06Of(m);
    line.runningMachines += 1;
    line.runningProcessors += m.processors;
    const fizzles = 'startedAt' in m && m.startedAt !== undefined ? later(m.startedAt, configuration.machinetypes.get(m.machinetype)?.fizzle ?? 0) : undefined;
    if (fizzles !== undefined && now >= fizzles) continue;
    line.numBeforeFizzle += 1;
    if (fizzles !== undefined && (changesAt === undefined || fizzles < changesAt)) changesAt = fizzles;
  }
  for (const m of past) {
    const line = lines.get(m.machinetype);
    if (line !== undefined && m.state === 'finished') noteAbort(line, m);
  }
  return { told: [...lines.values()], changesAt };
}

function noteAbort(line: Line, { outcome }: Machine & { state: 'finished' }): void {
  if (!outcome.abort || outcome.at === undefined || (line.shutdownAt !== undefined && line.shutdownAt >= outcome.at)) return;
  line.shutdownAt = outcome.at;
  line.shutdownMessage = outcome.message ?? '';
}
