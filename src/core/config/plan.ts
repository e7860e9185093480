import { decide } from '../decide/decide.ts';
import type { Decision } from '../decision.ts';
import { isLive } from '../machine.ts';
import type { Observed } from '../observed.ts';
import type { Configuration } from '../settings.ts';
import { mask, machinetypeText, percent, settingsText, shareFractions, shownValue } from './show.ts';
import { spaceText } from './show-space.ts';

/** One option whose value differs. Texts are masked; absent: without a value. */
export interface ChangedOption {
  readonly option: string;
  readonly before?: string;
  readonly after?: string;
}

export interface MachinetypePlan {
  readonly machinetype: string;
  readonly change: 'added' | 'removed' | 'changed' | 'same';
  /** Part of the space that the shares ask for, 0 to 1. */
  readonly shareBefore: number;
  readonly shareAfter: number;
  /** `starts`: never started before, may be now; `stops`: the other way round. */
  readonly effect: 'starts' | 'stops' | 'none';
  readonly options: readonly ChangedOption[];
  /** Machines of it on this factory that live now. A change ends none of them. */
  readonly live: number;
  /** Starts in the next turn, with the configuration before and after, where the state of the factory is known. */
  readonly nextBefore?: number;
  readonly nextAfter?: number;
}

export interface Plan {
  readonly settings: readonly ChangedOption[];
  /** By name. */
  readonly machinetypes: readonly MachinetypePlan[];
  /** Spaces at clouds, where they are known for both; by name. */
  readonly spaces?: readonly SpacePlan[];
  /** Why nothing more would be started in the next turn, where the state is known. */
  readonly vetoAfter?: NonNullable<Decision['reasons']['veto']>['why'];
}

export interface SpacePlan {
  readonly space: string;
  readonly change: 'added' | 'removed' | 'changed' | 'same';
  readonly settings: readonly ChangedOption[];
  readonly machinetypes: readonly MachinetypePlan[];
}

/**
 * What another configuration would do (design §8): which machinetypes would start, which no longer, whose share moves. The state of a
 * running factory adds what lives and what the next turn would start, from the same `decide` that the daemon calls. Values that
 * reach here already masked are not compared.
 */
export function planDiff(before: Configuration, after: Configuration, observed?: Observed): Plan {
  const shares = { before: shareFractions(before.machinetypes), after: shareFractions(after.machinetypes) };
  const live = new Map<string, number>();
  for (const m of observed?.machines ?? []) if (isLive(m)) live.set(m.machinetype, (live.get(m.machinetype) ?? 0) + 1);
  const next = observed && { before: starts(observed, before), after: starts(observed, after) };
  const names = [...new Set([...before.machinetypes.keys(), ...after.machinetypes.keys(), ...live.keys()])].sort();
  const machinetypes = names.map((machinetype): MachinetypePlan => {
    const [was, is] = [before.machinetypes.get(machinetype), after.machinetypes.get(machinetype)];
    const options = was && is ? changes(machinetypeText(was), machinetypeText(is)) : [];
    const started = { before: (was?.targetShare ?? 0) > 0, after: (is?.targetShare ?? 0) > 0 };
    return {
      machinetype,
      change: !was && is ? 'added' : was && !is ? 'removed' : options.length > 0 ? 'changed' : 'same',
      shareBefore: shares.before.get(machinetype) ?? 0,
      shareAfter: shares.after.get(machinetype) ?? 0,
      effect: started.before === started.after ? 'none' : started.after ? 'starts' : 'stops',
      options,
      live: live.get(machinetype) ?? 0,
      ...(next && { nextBefore: next.before.counts.get(machinetype) ?? 0, nextAfter: next.after.counts.get(machinetype) ?? 0 }),
    };
  });
  const veto = next?.after.veto;
  return {
    settings: changes(settingsText(before.settings), settingsText(after.settings)),
    machinetypes,
    ...(before.spaces && { spaces: spacePlans(before.spaces, after.spaces ?? new Map()) }),
    ...(veto && { vetoAfter: veto.why }),
  };
}

function spacePlans(before: ReadonlyMap<string, Configuration>, after: ReadonlyMap<string, Configuration>): readonly SpacePlan[] {
  return [...new Set([...before.keys(), ...after.keys()])].sort().map((space): SpacePlan => {
    const [was, is] = [before.get(space), after.get(space)];
    const settings = was && is ? changes(spaceText(was.settings), spaceText(is.settings)) : [];
    const either = was ?? is;
    const { machinetypes } = either ? planDiff(was ?? emptied(either), is ?? emptied(either)) : { machinetypes: [] };
    const same = settings.length === 0 && machinetypes.every(({ change }) => change === 'same');
    return { space, change: !was ? 'added' : !is ? 'removed' : same ? 'same' : 'changed', settings, machinetypes };
  });
}

const emptied = (configuration: Configuration): Configuration => ({ ...configuration, machinetypes: new Map() });

function starts(observed: Observed, configuration: Configuration) {
  // Ties are drawn alike for both configurations, so that only what differs shows.
  const { actions, reasons } = decide(observed, configuration, () => 0.5, 'vacua');
  const counts = new Map<string, number>();
  for (const action of actions) if (action.kind === 'create') counts.set(action.machinetype, (counts.get(action.machinetype) ?? 0) + 1);
  return { counts, veto: reasons.veto };
}

function changes(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): ChangedOption[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].flatMap((option): ChangedOption[] => {
    const [was, is] = [before.get(option), after.get(option)];
    if (was === is || (was !== undefined && is !== undefined && (was.includes(mask) || is.includes(mask)))) return [];
    return [{ option, ...(was !== undefined && { before: shownValue(option, was) }), ...(is !== undefined && { after: shownValue(option, is) }) }];
  });
}

/** The plan in words, one fact per line. */
export function planLines(plan: Plan): readonly string[] {
  const lines: string[] = plan.settings.map((change) => `settings: ${inWords(change)}`);
  for (const m of plan.machinetypes) {
    const told: string[] = [];
    if (m.change === 'added') told.push('is new');
    if (m.change === 'removed') told.push('is no longer configured');
    if (m.effect === 'starts') told.push('may be started from now on');
    if (m.effect === 'stops') told.push('would not be started any more');
    if (percent(m.shareBefore) !== percent(m.shareAfter)) told.push(`share of the space ${percent(m.shareBefore)} → ${percent(m.shareAfter)}`);
    if (m.nextAfter !== undefined && m.nextAfter !== m.nextBefore) told.push(`next turn starts ${m.nextAfter} instead of ${m.nextBefore ?? 0}`);
    const others = m.options.filter((change) => change.option !== 'target_share');
    if (m.live > 0 && (told.length > 0 || others.length > 0)) {
      const machines = m.live === 1 ? '1 machine runs' : `${m.live} machines run`;
      told.push(`${machines} on to ${m.live === 1 ? 'its' : 'their'} end${others.length > 0 ? ' as started' : ''}`);
    }
    if (told.length > 0) lines.push(`${m.machinetype}: ${told.join('; ')}`);
    lines.push(...others.map((change) => `${m.machinetype}: ${inWords(change)}`));
  }
  for (const { space, change, settings, machinetypes } of plan.spaces ?? []) {
    if (change === 'added') lines.push(`space ${space}: is new`);
    if (change === 'removed') lines.push(`space ${space}: is no longer configured; its machines run on to their end, and no more are started`);
    lines.push(...settings.map((option) => `space ${space}: ${inWords(option)}`));
    if (change !== 'removed') lines.push(...planLines({ settings: [], machinetypes }).map((line) => `space ${space}: ${line}`));
  }
  if (plan.vetoAfter !== undefined) lines.push(`the next turn would start nothing more: ${plan.vetoAfter.replaceAll('_', ' ')}`);
  return lines;
}

function inWords({ option, before, after }: ChangedOption): string {
  if (before === after) return `${option} has another value`;
  if (before === undefined) return `${option} = ${JSON.stringify(after)}, not given before`;
  return after === undefined
    ? `${option} is no longer given (was ${JSON.stringify(before)})`
    : `${option} ${JSON.stringify(before)} → ${JSON.stringify(after)}`;
}
