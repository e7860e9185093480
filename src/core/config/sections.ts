import { isEarly } from './early.ts';
import type { IniFile, IniValue } from './ini.ts';
import { type Disables, everything, nothing, type Place, type ProblemList, quoted } from './problem.ts';
import { didYouMean } from './suggest.ts';

/** Sections of the same name from all files as one; a later value has replaced an earlier one, option by option (spec/factory.md §3.1). */
export interface Section {
  /** As told to people: `machinetype prod`. */
  readonly title: string;
  /** First place of its header. */
  readonly place: Place;
  readonly options: Map<string, IniValue>;
}

export interface Sections {
  /** `[DEFAULT]`: options of every section that does not give them itself. */
  readonly defaults: Section | undefined;
  readonly settings: Section | undefined;
  readonly machinetypes: ReadonlyMap<string, Section>;
  readonly pipes: ReadonlyMap<string, Section>;
  /** Of the early file formats (spec/factory.md §23). */
  readonly factories: Section | undefined;
  readonly targetShares: Section | undefined;
  /** Those in the early files alone. */
  readonly virtualMachines: ReadonlyMap<string, Section>;
  /** Execution environments (spec/environments.md §1). */
  readonly environments: ReadonlyMap<string, Section>;
  /** Of the tenant's queue server. */
  readonly queue: Section | undefined;
  readonly tenants: ReadonlyMap<string, Section>;
}

const types = [
  'settings',
  'machinetype',
  'vmtype',
  'vacuum_pipe',
  'environment',
  'queue',
  'tenant',
  'factories',
  'targetshares',
  'virtualmachine',
  'DEFAULT',
] as const;
export const validName = /^[a-z0-9-]+$/;
export const nameRule = 'letters a-z, digits and hyphens';
/** spec/environments.md §1. */
export const validEnvironment = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$/;
const environmentRule = 'a letter or digit, then at most 127 letters, digits, dots, underscores, plus signs and hyphens';

type Kind =
  | 'settings'
  | 'machinetype'
  | 'vacuum_pipe'
  | 'environment'
  | 'queue'
  | 'tenant'
  | 'factories'
  | 'targetshares'
  | 'virtualmachine'
  | 'DEFAULT'
  | 'unknown';
interface Header {
  readonly kind: Kind;
  readonly word: string;
  readonly name: string;
}

/** Section type words and names are folded to lower case, but `[settings]` and `[DEFAULT]` must be spelled exactly so. */
function readHeader(header: string): Header {
  const [word = '', ...names] = header.split(/\s+/).filter((part) => part !== '');
  const name = names.join(' ').toLowerCase();
  const type = word.toLowerCase();
  if (header === 'settings' || header === 'DEFAULT') return { kind: header, word, name };
  if (type === 'vmtype' || type === 'machinetype') return { kind: 'machinetype', word: type, name };
  if (type === 'vacuum_pipe' || type === 'virtualmachine') return { kind: type, word: type, name };
  if ((type === 'factories' || type === 'targetshares' || type === 'queue') && name === '') return { kind: type, word: type, name };
  // Names of environments tell upper from lower case (spec/environments.md §1).
  if (type === 'environment') return { kind: type, word: type, name: names.join(' ') };
  if (type === 'tenant') return { kind: type, word: type, name };
  return { kind: 'unknown', word, name };
}

const disabledBy = ({ kind, name }: Header): Disables => {
  if (kind === 'settings' || kind === 'DEFAULT') return everything;
  if (kind === 'machinetype') return { kind, name };
  return kind === 'vacuum_pipe' ? { kind: 'pipe', name } : nothing;
};

/** Merges files in the given order and reports every line and header that cannot be used. */
export function mergeSections(files: readonly IniFile[], problems: ProblemList): Sections {
  const found = new Map<string, Section>();
  for (const { sections, faults } of files) {
    for (const { place, severity, text, header, option } of faults) {
      if (severity === 'warning') problems.warn(place, option, text, header);
      else problems.error(place, option, text, header === undefined ? everything : disabledBy(readHeader(header)), header);
    }
    for (const section of sections) {
      const header = readHeader(section.header);
      if (!usable(header, section.header, section.place, problems)) continue;
      const key = `${header.kind} ${header.name}`.trim();
      const merged: Section = found.get(key) ?? { title: key, place: section.place, options: new Map() };
      for (const [name, value] of section.options) merged.options.set(name, value);
      found.set(key, merged);
    }
  }
  const ofKind = (kind: Kind): Map<string, Section> => {
    const start = `${kind} `;
    return new Map([...found].filter(([key]) => key.startsWith(start)).map(([key, section]) => [key.slice(start.length), section]));
  };
  return {
    defaults: found.get('DEFAULT'),
    settings: found.get('settings'),
    machinetypes: ofKind('machinetype'),
    pipes: ofKind('vacuum_pipe'),
    factories: found.get('factories'),
    targetShares: found.get('targetshares'),
    virtualMachines: ofKind('virtualmachine'),
    environments: ofKind('environment'),
    queue: found.get('queue'),
    tenants: ofKind('tenant'),
  };
}

function usable({ kind, word, name }: Header, header: string, place: Place, problems: ProblemList): boolean {
  const title = header.trim();
  if (kind === 'unknown') {
    const guess = word.toLowerCase() === 'settings' ? '; did you mean settings?' : didYouMean(word, types);
    problems.warn(place, undefined, `${quoted(title)} is not a known section and is ignored; valid: ${types.join(', ')}${guess}`, title);
    return false;
  }
  if (kind === 'virtualmachine') {
    if (isEarly(place)) return true;
    problems.warn(place, undefined, 'ignored: slots follow from the processors of the host (total_processors in [settings])', title);
    return false;
  }
  if (kind === 'environment') return validEnvironment.test(name) || refuse(word, name, environmentRule, { place, title }, problems);
  if (kind === 'tenant') return validName.test(name) || refuse(word, name, nameRule, { place, title }, problems);
  if (kind !== 'machinetype' && kind !== 'vacuum_pipe') return true;
  if (!validName.test(name)) {
    const disables: Disables = { kind: kind === 'machinetype' ? 'machinetype' : 'pipe', name };
    const what = name === '' ? 'has no name' : `has the name ${quoted(name)}`;
    problems.error(place, undefined, `the section ${what}; valid: [${word} NAME], NAME of ${nameRule}`, disables, title);
    return false;
  }
  if (word === 'vmtype') problems.warn(place, undefined, `[vmtype …] is the old form of [machinetype ${name}]`, title);
  return true;
}

function refuse(word: string, name: string, rule: string, { place, title }: { readonly place: Place; readonly title: string }, problems: ProblemList): false {
  const what = name === '' ? 'has no name' : `has the name ${quoted(name)}`;
  problems.error(place, undefined, `the section ${what} and is ignored; valid: [${word} NAME], NAME of ${rule}`, nothing, title);
  return false;
}

/** Options of a section over those of `[DEFAULT]`. */
export const withDefaults = (section: Section, defaults: Section | undefined): ReadonlyMap<string, IniValue> =>
  defaults ? new Map([...defaults.options, ...section.options]) : section.options;
