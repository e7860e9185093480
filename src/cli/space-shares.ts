import type { Machinetype } from '../core/machinetype.ts';
import type { FactoryAnswer } from '../core/space/census.ts';
import type { SpaceReport } from '../core/space/report.ts';
import type { MachinetypeAnswer } from '../factory/control/answers.ts';
import type { CliContext } from './context.ts';
import { askSpace, configuration, type SpaceAnswer, type SpaceOptions } from './space-source.ts';
import { daemonOf } from './spaces.ts';

/** One machinetype over the whole space. */
export interface ShareRow {
  readonly machinetype: string;
  /** Absent: not configured here. */
  readonly targetShare?: number;
  /** What remembered usage makes of the target, when shares have a memory. */
  readonly effectiveShare?: number;
  readonly hs06: number;
  readonly machines: number;
}

export interface SpaceShares {
  readonly space: string;
  readonly rows: readonly ShareRow[];
  /** Factories that are counted, and those that are not since they are silent. */
  readonly counted: number;
  readonly silent: readonly string[];
  /** Where a daemon told it. */
  readonly report?: SpaceReport;
}

/**
 * What every machinetype has of the space: the numbers of the last turn where a factory runs here, so that they are those which it
 * decides with; else what the factories answer now. Throws as `askSpace` does.
 */
export async function spaceShares(context: CliContext, options: SpaceOptions): Promise<SpaceShares> {
  const daemon = await daemonOf(context, options);
  if (daemon !== undefined) {
    const report = await daemon.space();
    return { ...sharesOfFactory(report, await daemon.of(report.space).machinetypes()), report };
  }
  const space = await askSpace(context, 'machinetypes', [], options);
  return sharesOfAnswers(space, (await configuration(context))?.machinetypes ?? new Map());
}

/** From the numbers of the last turn; machinetypes that only other factories have are added from what those said. */
export function sharesOfFactory(report: SpaceReport, machinetypes: readonly MachinetypeAnswer[]): SpaceShares {
  const answering = report.factories.filter((f) => f.silentSince === undefined);
  const own = machinetypes.map(({ name, origin, targetShare, reason }) => ({
    machinetype: name,
    ...(origin !== undefined && { targetShare: Math.max(0, targetShare) }),
    ...(reason?.effectiveShare !== undefined && { effectiveShare: reason.effectiveShare }),
    hs06: reason?.hs06 ?? 0,
    machines: reason?.machines ?? 0,
  }));
  const known = new Set(own.map((row) => row.machinetype));
  const others = summed(answering.flatMap((f) => f.machinetypes).filter((t) => !known.has(t.machinetype)));
  const silent = report.factories.filter((f) => f.silentSince !== undefined).map((f) => f.factory);
  return { space: report.space, rows: sorted([...own, ...others]), counted: answering.length, silent };
}

export function sharesOfAnswers(space: Pick<SpaceAnswer, 'space' | 'answers'>, configured: ReadonlyMap<string, Pick<Machinetype, 'targetShare'>>): SpaceShares {
  const silent = (a: FactoryAnswer): boolean => a.answered === 'silent';
  const running = new Map(summed(space.answers.flatMap((a) => a.machinetypes)).map((row) => [row.machinetype, row]));
  const rows = [...new Set([...configured.keys(), ...running.keys()])].map((machinetype): ShareRow => {
    const target = configured.get(machinetype)?.targetShare;
    return { ...(running.get(machinetype) ?? { machinetype, hs06: 0, machines: 0 }), ...(target !== undefined && { targetShare: Math.max(0, target) }) };
  });
  const mute = space.answers.filter(silent).map((a) => a.factory);
  return { space: space.space, rows: sorted(rows), counted: space.answers.length - mute.length, silent: mute };
}

function summed(types: readonly { readonly machinetype: string; readonly runningHs06: number; readonly runningMachines: number }[]): readonly ShareRow[] {
  return [...Map.groupBy(types, (t) => t.machinetype)].map(([machinetype, of]) => ({
    machinetype,
    hs06: of.reduce((sum, t) => sum + t.runningHs06, 0),
    machines: of.reduce((sum, t) => sum + t.runningMachines, 0),
  }));
}

const sorted = (rows: readonly ShareRow[]): readonly ShareRow[] =>
  rows.toSorted((a, b) => (b.targetShare ?? -1) - (a.targetShare ?? -1) || (a.machinetype < b.machinetype ? -1 : 1));
