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
  /** Of clouds, by name; those that only sections of machinetypes or pipes name included (spec/cloud.md §1.1). */
  readonly spaces: ReadonlyMap<string, SpaceSections>;
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

export interface SpaceSections {
  /** `[space NAME]`; undefined: there is none. */
  readonly section: Section | undefined;
  readonly machinetypes: ReadonlyMap<string, Section>;
  readonly pipes: ReadonlyMap<string, Section>;
}

const types = [
  'settings',
  'space',
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
/** Name of a machinetype or pipe in problems: with that of its space at a cloud before it, where it has one. */
export const scoped = (space: string | undefined, name: string): string => (space === undefined ? name : `${space} ${name}`);
/** spec/cloud.md §1.1; it is the name of a directory too. */
const validSpace = /^[a-z0-9]([a-z0-9.-]{0,198}[a-z0-9])?$/;
const spaceRule = 'letters, digits, dots and hyphens, such as vcycle01.example.org';
/** spec/environments.md §1. */
export const validEnvironment = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$/;
const environmentRule = 'a letter or digit, then at most 127 letters, digits, dots, underscores, plus signs and hyphens';

type Kind =
  | 'settings'
  | 'space'
  | 'cloud machinetype'
  | 'cloud vacuum_pipe'
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
  if (type === 'space') return { kind: type, word: type, name };
  // Two names: of a space at a cloud, and of the machinetype or pipe in it.
  if ((type === 'machinetype' || type === 'vacuum_pipe') && names.length === 2) return { kind: `cloud ${type}`, word: type, name };
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
  if (kind === 'space') return { kind, name };
  if (kind === 'environment') return { kind, name };
  if (kind === 'machinetype' || kind === 'cloud machinetype') return { kind: 'machinetype', name };
  return kind === 'vacuum_pipe' || kind === 'cloud vacuum_pipe' ? { kind: 'pipe', name } : nothing;
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
      const merged: Section = found.get(key) ?? { title: key.replace(/^cloud /, ''), place: section.place, options: new Map() };
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
    spaces: spacesOf(ofKind),
    factories: found.get('factories'),
    targetShares: found.get('targetshares'),
    virtualMachines: ofKind('virtualmachine'),
    environments: ofKind('environment'),
    queue: found.get('queue'),
    tenants: ofKind('tenant'),
  };
}

function spacesOf(ofKind: (kind: Kind) => ReadonlyMap<string, Section>): ReadonlyMap<string, SpaceSections> {
  const spaces = new Map<string, { section: Section | undefined; readonly machinetypes: Map<string, Section>; readonly pipes: Map<string, Section> }>();
  const spaceOf = (name: string) => {
    const space = spaces.get(name) ?? { section: undefined, machinetypes: new Map<string, Section>(), pipes: new Map<string, Section>() };
    spaces.set(name, space);
    return space;
  };
  for (const [name, section] of ofKind('space')) spaceOf(name).section = section;
  for (const [kind, part] of [
    ['cloud machinetype', 'machinetypes'],
    ['cloud vacuum_pipe', 'pipes'],
  ] as const) {
    for (const [both, section] of ofKind(kind)) {
      const [space = '', name = ''] = both.split(' ');
      spaceOf(space)[part].set(name, section);
    }
  }
  return spaces;
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
  if (kind === 'space') return validSpace.test(name) || refuse(word, name, spaceRule, { place, title }, problems);
  if (kind === 'cloud machinetype' || kind === 'cloud vacuum_pipe') {
    const [space = '', own = ''] = name.split(' ');
    const rule = `${nameRule}, or [${word} SPACE NAME], SPACE of ${spaceRule}`;
    return (validSpace.test(space) && validName.test(own)) || refuse(word, name, rule, { place, title }, problems);
  }
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
