import type { FactoryAnswer } from '../../core/space/census.ts';
import type { FactoryReport, SpaceReport } from '../../core/space/report.ts';
import { elapsed, type Instant } from '../../core/units.ts';
import type { SpaceAnswer } from '../space-source.ts';
import { type Column, styled, table } from '../table.ts';
import { counted, fit, printable } from '../text.ts';
import { durationText, relative } from '../time-text.ts';

const columns: readonly Column[] = [
  { title: 'FACTORY', shrinkTo: 8 },
  { title: 'CPUS', align: 'right' },
  { title: 'MACHINES', align: 'right' },
  { title: 'LOAD', align: 'right' },
  { title: 'TMP', align: 'right' },
  { title: 'STATE', align: 'right' },
  { title: 'MEMORY', align: 'right' },
  { title: 'VERSION', shrinkTo: 8 },
  { title: 'ADDRESS', shrinkTo: 9 },
];

const mostStrangers = 5;

/** A factory that has not answered, with what is known of when it last did. */
export interface SilentFactory {
  readonly factory: string;
  readonly since?: Instant;
  readonly nextTry?: Instant;
  readonly why?: string;
  /** Last answer to anyone on this host, for instance to the hourly census. */
  readonly seenAt?: Instant;
}

export function silentFactories({ answers, report, notes }: SpaceAnswer, seenAt: ReadonlyMap<string, Instant>): readonly SilentFactory[] {
  const known = new Map(report?.factories.map((f) => [f.factory, f]));
  return answers
    .filter((a) => a.answered === 'silent')
    .map(({ factory }) => ({ factory, ...silence(known.get(factory)), ...why(notes.get(factory)?.why), ...latest(seenAt.get(factory), known.get(factory)) }));
}

const silence = (f: FactoryReport | undefined): Pick<SilentFactory, 'since' | 'nextTry'> => ({
  ...(f?.silentSince !== undefined && { since: f.silentSince }),
  ...(f?.nextTry !== undefined && { nextTry: f.nextTry }),
});
const why = (text: string | undefined): Pick<SilentFactory, 'why'> => (text === undefined ? {} : { why: text });

function latest(census: Instant | undefined, report: FactoryReport | undefined): Pick<SilentFactory, 'seenAt'> {
  const times = [census, report?.heardAt, report?.factsAt].filter((at) => at !== undefined);
  return times.length === 0 ? {} : { seenAt: times.reduce((a, b) => (a > b ? a : b)) };
}

/** In the spirit of `vac factories` (spec/factory.md §20): a summary, one line per factory that answers, then the others. */
export function factoriesView(space: SpaceAnswer, silent: readonly SilentFactory[], now: Instant, width: number, colour: boolean): readonly string[] {
  const answering = space.answers.filter((a) => a.factoryFacts !== undefined).toSorted(byName);
  const rows = answering.map((a) => row(a, space.notes.get(a.factory)?.address ?? (a.factory === space.report?.factory ? 'here' : '')));
  return [
    fit(printable(summary(space, answering)), width),
    ...(rows.length > 0 ? table(rows, columns, width, colour) : []),
    ...silentLines(silent, now, width, colour),
    ...ignoredLines(space.ignored, width),
    ...strangerLines(space.report, now, width),
    ...(space.report?.problems ?? [])
      .filter((problem) => !silent.some((f) => problem === `${f.factory}: ${f.why}`))
      .map((problem) => styled(printable(problem), 'red', colour)),
  ];
}

/** One line for every factory that does not answer, below a heading; nothing when all do. */
export function silentLines(silent: readonly SilentFactory[], now: Instant, width: number, colour: boolean): readonly string[] {
  if (silent.length === 0) return [];
  const rows = silent
    .toSorted(byName)
    .map((f) => [
      f.factory,
      f.since === undefined ? '' : durationText(elapsed(f.since, now)),
      f.nextTry === undefined ? '' : relative(f.nextTry, now),
      f.seenAt === undefined ? 'not known' : relative(f.seenAt, now),
      f.why ?? '',
    ]);
  const titles: readonly Column[] = [
    { title: 'SILENT', shrinkTo: 8 },
    { title: 'FOR', align: 'right' },
    { title: 'NEXT TRY', align: 'right' },
    { title: 'LAST SEEN', align: 'right' },
    { title: 'WHY', shrinkTo: 10 },
  ];
  return table(rows, titles, width).map((line) => styled(line, 'yellow', colour));
}

/** What was not believed, in one line; nothing when all was. */
export function ignoredLines(ignored: SpaceAnswer['ignored'], width: number): readonly string[] {
  const parts = Object.entries(ignored).filter(([, count]) => count > 0);
  if (parts.length === 0) return [];
  return [fit(printable(`Messages that were not believed: ${parts.map(([reason, count]) => `${count} ${reason.replaceAll('_', ' ')}`).join(', ')}`), width)];
}

/** The hosts that were last not believed: who they are matters more than how many. */
function strangerLines(report: SpaceReport | undefined, now: Instant, width: number): readonly string[] {
  return (report?.strangers ?? [])
    .slice(-mostStrangers)
    .map((s) => fit(printable(`  ${s.address}: ${s.why}, ${counted(s.count, 'time')}, ${relative(s.at, now)}`), width));
}

const names = new Intl.Collator('en', { numeric: true });
export const byName = (a: { readonly factory: string }, b: { readonly factory: string }): number => names.compare(a.factory, b.factory);
/** Without its domain; an address stays whole. */
export const shortName = (name: string): string => (/^[\d.]+$/.test(name) ? name : (name.split('.')[0] ?? name));

function summary({ space, answers }: SpaceAnswer, answering: readonly FactoryAnswer[]): string {
  const sum = (of: (facts: NonNullable<FactoryAnswer['factoryFacts']>) => number): number =>
    answering.reduce((total, { factoryFacts }) => total + (factoryFacts === undefined ? 0 : of(factoryFacts)), 0);
  const used = `${sum((f) => f.runningProcessors)} of ${sum((f) => f.maxProcessors)} processors used, ${counted(
    sum((f) => f.runningMachines),
    'machine',
  )} running`;
  return `${space}: ${answering.length} of ${answers.length} factories answered; ${used}`;
}

function row({ factory, factoryFacts: f, version }: FactoryAnswer, address: string): readonly string[] {
  if (f === undefined) return [factory];
  return [
    shortName(factory),
    `${f.runningProcessors}/${f.maxProcessors}`,
    `${f.runningMachines}/${f.maxMachines}`,
    f.loadAverage15.toFixed(2),
    sizeText(f.rootDiskAvailKb),
    sizeText(f.daemonDiskAvailKb),
    `${sizeText(f.memUsedKb)}/${sizeText(f.memTotalKb)}`,
    version.replace(/ vacd-responder$/, ''),
    address,
  ];
}

/** KiB as a short text of binary units: `512M`, `40.0G`. */
export function sizeText(kib: number): string {
  const units = ['K', 'M', 'G', 'T', 'P'];
  let size = Math.max(0, kib);
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${size >= 100 || unit === 0 ? Math.round(size) : size.toFixed(1)}${units[unit]}`;
}
