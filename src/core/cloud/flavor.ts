import type { Machinetype } from '../machinetype.ts';
import type { Settings } from '../settings.ts';
import type { Flavor } from './offer.ts';

/** Names of flavors that a machinetype may have, in order of preference: its own, else those of its space; empty: any that suits. */
export const allowedFlavors = (machinetype: Pick<Machinetype, 'cloud'>, settings: Pick<Settings, 'cloud'>): readonly string[] =>
  machinetype.cloud?.flavorNames.length ? machinetype.cloud.flavorNames : (settings.cloud?.flavorNames ?? []);

/**
 * The flavor of a machinetype's next machine (spec/cloud.md §1.4): of the allowed ones, in their order, the first whose processors lie within
 * `min_processors` and `max_processors` and whose memory suffices; without names the smallest such one. Undefined: none suits.
 */
export function chooseFlavor(machinetype: Machinetype, flavors: readonly Flavor[], settings: Pick<Settings, 'cloud'>): Flavor | undefined {
  const names = allowedFlavors(machinetype, settings);
  const ordered =
    names.length === 0
      ? flavors.toSorted((a, b) => a.processors - b.processors || a.memoryMb - b.memoryMb || a.diskGb - b.diskGb || (a.name < b.name ? -1 : 1))
      : names.flatMap((name) => flavors.find((f) => f.name === name) ?? flavors.find((f) => f.id === name) ?? []);
  return ordered.find((flavor) => suits(flavor, machinetype));
}

const suits = ({ processors, memoryMb }: Flavor, { minProcessors, maxProcessors, cloud }: Machinetype): boolean =>
  processors >= Math.max(1, minProcessors) && processors <= maxProcessors && memoryMb >= (cloud?.mbPerProcessor ?? 0) * processors;

/** Why no flavor suits, and what would. */
export function flavorProblem(machinetype: Machinetype, flavors: readonly Flavor[], settings: Pick<Settings, 'cloud'>): string {
  const names = allowedFlavors(machinetype, settings);
  const { minProcessors, maxProcessors, cloud } = machinetype;
  const memory = cloud?.mbPerProcessor === undefined ? '' : ` and ${cloud.mbPerProcessor} MiB per processor`;
  const most = maxProcessors >= 1_000_000 ? 'or more' : `to ${maxProcessors}`;
  const wanted = `${minProcessors} ${most} processors${memory}`;
  const shown = (all: readonly string[]): string => (all.length === 0 ? 'none' : all.slice(0, 10).join(', ') + (all.length > 10 ? ', …' : ''));
  const offered = shown(flavors.map((f) => `${f.name} (${f.processors} × ${f.memoryMb} MiB)`));
  if (names.length === 0) return `no flavor of the cloud has ${wanted}; there are ${offered}`;
  const there = names.filter((name) => flavors.some((f) => f.name === name || f.id === name));
  return there.length === 0
    ? `the cloud has no flavor ${shown(names)}; there are ${offered}`
    : `none of its flavors ${shown(there)} has ${wanted}; there are ${offered}`;
}
