import { type Environment, type Range, unlimited } from '../environment/environment.ts';
import type { Machinetype } from '../machinetype.ts';
import type { Configuration } from '../settings.ts';
import { seconds } from '../units.ts';
import { given } from './build-settings.ts';
import { environmentTable } from './environment-options.ts';
import { namesOf, readOptions, type Values, warnUnknown } from './option.ts';
import { type Disables, type Place, type ProblemList, quoted } from './problem.ts';
import { type Section, type Sections, withDefaults } from './sections.ts';
import { didYouMean } from './suggest.ts';

/** Of a machinetype, as far as environments are bound to it. */
type Bindable = Pick<Machinetype, 'name' | 'rootImage'>;

/**
 * `[environment NAME]` (spec/environments.md §1), in the order of the files. One with an error is left out and disables nothing else.
 * `machinetypes`: those of the host and of all spaces at clouds; absent: the configuration is that of a queue, which need not know them.
 */
export function readEnvironments(sections: Sections, problems: ProblemList, machinetypes?: readonly Bindable[]): readonly Environment[] {
  const read = new Map<string, Environment>();
  for (const [name, section] of sections.environments) {
    const environment = readEnvironment(name, section, sections, problems, machinetypes);
    if (environment === undefined) continue;
    const same = read.get(name.toLowerCase());
    if (same === undefined) read.set(name.toLowerCase(), environment);
    else
      problems.error(
        section.place,
        undefined,
        `${same.name} differs in case alone, and jobs ask without regard to case; valid: another name`,
        { kind: 'environment', name },
        section.title,
      );
  }
  return [...read.values()];
}

/**
 * A site's configuration with its environments, told to the machinetypes whose machines they are, in its spaces at clouds too.
 * `digestOf`: of a text, for the digests of the spaces.
 */
export function withEnvironments(site: Configuration, environments: readonly Environment[], digestOf: (text: string) => string): Configuration {
  if (environments.length === 0) return site;
  const machinetypes = new Map(
    [...site.machinetypes].map(([name, machinetype]) => {
      const own = environments.filter((e) => e.machinetypes.includes(name)).map((e) => e.name);
      return [name, own.length === 0 ? machinetype : { ...machinetype, environments: own }];
    }),
  );
  const spaces = [...(site.spaces ?? [])].map(([name, space]) => {
    const bound = withEnvironments(space, environments, digestOf);
    return [name, { ...bound, digest: digestOf(`${space.digest} ${JSON.stringify(environments)}`) }] as const;
  });
  return { ...site, machinetypes, environments, ...(site.spaces && { spaces: new Map(spaces) }) };
}

const one = (n: number): Range => ({ min: n, max: n });

function readEnvironment(
  name: string,
  section: Section,
  sections: Sections,
  problems: ProblemList,
  machinetypes: readonly Bindable[] | undefined,
): Environment | undefined {
  const disables: Disables = { kind: 'environment', name };
  warnUnknown(section.options, namesOf(environmentTable), [], problems, section.title);
  const before = problems.all.length;
  const options = withDefaults(section, sections.defaults);
  const v = readOptions(environmentTable, { options, problems, disables, section: section.title });
  const at = (option: string): Place => options.get(option)?.place ?? section.place;
  const bound = machinesOf(v, {
    sections,
    machinetypes,
    silent: !options.has('machinetypes') && !options.has('image'),
    refuse: (option, text) => problems.error(at(option), option, text, disables, section.title),
    warn: (option, text) => problems.warn(at(option), option, text, section.title),
  });
  if (problems.all.slice(before).some((p) => p.severity === 'error')) return undefined;
  const hyphen = name.lastIndexOf('-');
  return {
    name,
    tags: v.tags ?? [],
    appName: v.app_name ?? (hyphen > 0 ? name.slice(0, hyphen) : name),
    appVersion: v.app_version ?? (hyphen > 0 ? name.slice(hyphen + 1) : ''),
    machinetypes: bound,
    os: { family: v.os_family ?? 'linux', name: v.os_name ?? '', version: v.os_version ?? '' },
    platform: v.platform ?? 'amd64',
    processors: v.processors ?? one(1),
    memoryMb: v.memory_mb ?? one(2048),
    diskGb: v.disk_gb ?? one(10),
    cost: v.cost ?? 1,
    maxInstances: v.max_instances ?? unlimited,
    maxWall: seconds(v.max_wall_seconds ?? 86_400),
    vos: v.vos ?? [],
    native: v.native ?? false,
    ...given('state', v.state),
  };
}

interface Binding {
  readonly sections: Sections;
  readonly machinetypes: readonly Bindable[] | undefined;
  /** Neither machinetypes nor an image are given. */
  readonly silent: boolean;
  refuse(option: string, text: string): void;
  warn(option: string, text: string): void;
}

/** Names of the machinetypes that an environment is bound to; each that does not exist is an error at its place. */
function machinesOf(v: Values<typeof environmentTable>, about: Binding): readonly string[] {
  const { sections, machinetypes, refuse } = about;
  const named = v.machinetypes ?? [];
  if (v.native === true) {
    for (const option of ['machinetypes', 'image'] as const) {
      if (v[option] !== undefined) refuse(option, 'given for the plain node, which needs no machine; valid: native = no, or without this option');
    }
    return [];
  }
  if (machinetypes === undefined) return named;
  const known = new Set(machinetypes.map((type) => type.name));
  for (const type of named) if (!known.has(type)) missing(type, about, [...known]);
  const same = v.image === undefined ? [] : machinetypes.filter((type) => type.rootImage === v.image).map((type) => type.name);
  if (v.image !== undefined && same.length === 0 && !awaited(sections)) {
    refuse('image', `no machinetype has the root_image ${quoted(v.image)}; valid: that of an existing one, or machinetypes = NAME`);
  }
  if (about.silent) refuse('machinetypes', 'required: whose machines this environment is; add machinetypes = NAME, image = FILE or native = yes');
  return [...new Set([...named, ...same])];
}

/** Machinetypes of pipes come and go with what others publish. */
const awaited = (sections: Sections): boolean => sections.pipes.size > 0 || [...sections.spaces.values()].some((space) => space.pipes.size > 0);

function missing(name: string, { sections, refuse, warn }: Binding, known: readonly string[]): void {
  const scopes = [sections, ...sections.spaces.values()];
  // One whose section is broken is told at that place.
  if (scopes.some((scope) => scope.machinetypes.has(name))) return;
  if (scopes.some((scope) => [...scope.pipes.keys()].some((prefix) => name.startsWith(`${prefix}-`)))) {
    warn('machinetypes', `${name} is not among what its pipe publishes now`);
    return;
  }
  const valid = known.length === 0 ? 'the name of a machinetype; none is configured' : known.slice(0, 20).join(', ');
  refuse('machinetypes', `there is no machinetype ${quoted(name)}${didYouMean(name, known)}; valid: ${valid}`);
}
