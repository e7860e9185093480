import type { IniFile, IniSection, IniValue } from '../../core/config/ini.ts';
import { readIni } from '../../core/config/ini.ts';
import { namesOf, readOptions, type Table, type Values, warnUnknown } from '../../core/config/option.ts';
import { everything, type Place, type Problem, ProblemList, quoted } from '../../core/config/problem.ts';
import { didYouMean } from '../../core/config/suggest.ts';
import { instant, later, seconds, type Instant } from '../../core/units.ts';
import { faultOf } from './faults.ts';
import { type GroupSection, readGroups } from './groups.ts';
import { faultTable, hostsTable, simulationTable, workTable } from './options.ts';
import type { Fault, Host, Scenario, Work } from './types.ts';
import type { Moment } from './value-types.ts';

/** Day on which every simulation begins. */
const day = Date.UTC(2030, 0, 1);

const tables = { simulation: simulationTable, hosts: hostsTable, work: workTable, fault: faultTable };
type Word = keyof typeof tables;
const words = Object.keys(tables) as Word[];
const settingsWords = ['settings', 'machinetype', 'vmtype', 'DEFAULT'];
const namePattern = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;

/** One section of the scenario's own, merged from all its places. */
export interface OwnSection {
  readonly title: string;
  readonly name: string;
  readonly place: Place;
  readonly options: Map<string, IniValue>;
}

/** A scenario from the text of its file, and every problem at once; undefined when there is an error (docs/simulator.md). */
export function readScenario(file: string, text: string | Uint8Array): { readonly scenario: Scenario | undefined; readonly problems: readonly Problem[] } {
  const ini = readIni(file, text);
  const problems = new ProblemList();
  const { own, site } = split(ini, problems);
  const values = <T extends Table>(section: OwnSection, table: T): Values<T> => {
    warnUnknown(section.options, namesOf(table), [], problems, section.title);
    return readOptions(table, { options: section.options, problems, disables: everything, section: section.title });
  };
  const simulation = own.simulation[0];
  const v = values(simulation ?? { title: 'simulation', name: '', place: { file, line: 0, column: 0 }, options: new Map() }, simulationTable);
  const begin = v.begin ?? 0;
  const start = instant(day + begin * 1000);
  const moment = (at: Moment): Instant => later(start, 'since' in at ? at.since : (at.timeOfDay - begin + 86_400) % 86_400);

  const groups = own.hosts.map((section): GroupSection => ({ section, values: values(section, hostsTable) }));
  if (groups.length === 0) problems.error({ file, line: 0, column: 0 }, undefined, 'no hosts; add a section such as [hosts wn] with count = 10', everything);
  const { groups: built, machinetypes } = readGroups(groups, site, moment, problems);
  const hosts = built.flatMap((group) =>
    Array.from(
      { length: group.count },
      (_, index): Host => ({ group, index, name: hostName(group.name, index, group.count, group.configuration.settings.space) }),
    ),
  );
  const work = new Map<string, Work>();
  for (const section of own.work) {
    if (machinetypes.size > 0 && !machinetypes.has(section.name)) {
      problems.error(section.place, undefined, `there is no [machinetype ${section.name}]${didYouMean(section.name, machinetypes)}`, everything, section.title);
    }
    work.set(section.name, workOf(section.name, values(section, workTable)));
  }
  const faults = own.fault
    .map((section) => faultOf(section, values(section, faultTable), { hosts, moment, problems }))
    .filter((f): f is Fault => f !== undefined);
  const sorted = problems.all.toSorted((a, b) => a.line - b.line || a.column - b.column);
  if (sorted.some((p) => p.severity === 'error')) return { scenario: undefined, problems: sorted };
  const duration = v.duration ?? 86_400;
  return {
    problems: sorted,
    scenario: {
      title: v.title ?? file.replace(/^.*\//, '').replace(/\.conf$/, ''),
      start,
      duration: seconds(duration),
      seed: v.seed ?? 1,
      reportInterval: seconds(v.report_interval ?? Math.max(10, duration / 288)),
      network: { kind: v.network ?? 'auto', delay: seconds(v.delay ?? 0.05), loss: v.loss ?? 0 },
      rule: v.rule ?? 'vacua',
      groups: built,
      hosts,
      work,
      faults,
    },
  };
}

/** Sections of the scenario's own, and the file without them for the configuration's reader. */
function split(ini: IniFile, problems: ProblemList): { readonly own: Record<Word, OwnSection[]>; readonly site: IniFile } {
  const own: Record<Word, OwnSection[]> = { simulation: [], hosts: [], work: [], fault: [] };
  const site: IniSection[] = [];
  const isOwn = (header: string | undefined): Word | undefined => words.find((word) => word === header?.trim().split(/\s+/)[0]?.toLowerCase());
  for (const section of ini.sections) {
    const word = isOwn(section.header);
    const [first = '', ...rest] = section.header.trim().split(/\s+/);
    const name = rest.join(' ').toLowerCase();
    if (word === undefined) {
      if (settingsWords.some((w) => w.toLowerCase() === first.toLowerCase())) site.push(section);
      else {
        const known = [...words, ...settingsWords];
        problems.error(
          section.place,
          undefined,
          `[${first}] is not a section of a scenario; valid: ${known.join(', ')}${didYouMean(first, known)}`,
          everything,
        );
      }
      continue;
    }
    const title = `${word} ${name}`.trim();
    if (word !== 'simulation' && !namePattern.test(name)) {
      const what = name === '' ? 'has no name' : `has the name ${quoted(name)}`;
      problems.error(section.place, undefined, `the section ${what}; valid: [${word} NAME], NAME of letters a-z, digits and hyphens`, everything, title);
      continue;
    }
    if (word === 'simulation' && name !== '') problems.warn(section.place, undefined, `write [simulation]; ${quoted(name)} has no effect`, title);
    const present = own[word].find((one) => one.title === title || word === 'simulation');
    if (present === undefined) own[word].push({ title, name, place: section.place, options: new Map(section.options) });
    else for (const [option, value] of section.options) present.options.set(option, value);
  }
  for (const fault of ini.faults) {
    if (fault.header !== undefined && isOwn(fault.header) === undefined) continue; // told by the configuration's reader
    if (fault.severity === 'error') problems.error(fault.place, fault.option, fault.text, everything, fault.header);
    else problems.warn(fault.place, fault.option, fault.text, fault.header);
  }
  return { own, site: { ...ini, sections: site, faults: ini.faults.filter((f) => f.header !== undefined && isOwn(f.header) === undefined) } };
}

/** `wn-007.example.com`: the domain is the space without its first label. */
function hostName(group: string, index: number, count: number, space: string): string {
  const dot = space.indexOf('.');
  return `${group}-${String(index + 1).padStart(String(count).length, '0')}.${dot < 0 ? space : space.slice(dot + 1)}`;
}

const workOf = (machinetype: string, v: Values<typeof workTable>): Work => ({
  machinetype,
  waiting: v.waiting ?? 0,
  rate: v.rate ?? [],
  batch: v.batch ?? 1,
  jobLength: v.job_length ?? { kind: 'fixed', seconds: 3600 },
  idle: seconds(v.idle ?? 300),
  jobsPerMachine: v.jobs_per_machine ?? 0,
  fails: v.fails ?? 0,
  failure: v.failure ?? '700 Transient problem',
});
