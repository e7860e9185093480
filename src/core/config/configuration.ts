import type { Machinetype } from '../machinetype.ts';
import type { Configuration, VacuumPipe } from '../settings.ts';
import { cloudMachinetypeTable, cloudPipeTable, ignoredCloudMachinetype } from './cloud-machinetype-options.ts';
import { apiTables, spaceTable } from './cloud-options.ts';
import { readEnvironments, withEnvironments } from './build-environments.ts';
import { buildMachinetype, type MachinetypeDefaults } from './build-machinetype.ts';
import { buildSettings } from './build-settings.ts';
import { honourEarly } from './early.ts';
import type { Environment } from './environment.ts';
import { environmentTable } from './environment-options.ts';
import type { IniFile } from './ini.ts';
import { ignoredMachinetype, machinetypeTable, pipeTable } from './machinetype-options.ts';
import { namesOf, warnUnknown } from './option.ts';
import { isDisabled, type Problem, ProblemList } from './problem.ts';
import { type MachinetypeScope, readMachinetypes } from './read-machinetypes.ts';
import { type ReadSpace, readSpaces } from './read-spaces.ts';
import { mergeSections, type Sections } from './sections.ts';
import { ignoredSettings, settingsFamilies, settingsTable } from './settings-options.ts';

export interface ConfigurationInputs {
  /** In the order in which they are read: later values replace earlier ones. */
  readonly files: readonly IniFile[];
  /** Last good document of each pipe, by its prefix. Absent: there is no copy yet. */
  readonly documents: ReadonlyMap<string, string>;
  /** The same of each space at a cloud, by its name. */
  readonly spaceDocuments?: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly environment: Environment;
  /** SHA-256 over all of this, hexadecimal. */
  readonly digest: string;
  /** Digest of a text, for that of each space; absent: each has the digest of the whole. */
  readonly digestOf?: (text: string) => string;
  /** What reading the files has found already, for instance that one is missing. */
  readonly problems?: readonly Problem[];
}

export interface ReadConfiguration {
  /** Undefined: it must be refused as a whole. */
  readonly configuration: Configuration | undefined;
  /** Sorted by file and line. */
  readonly problems: readonly Problem[];
  /** Pipes that are usable, also when the configuration is refused. */
  readonly pipes: readonly VacuumPipe[];
  /** Machinetypes that came from each pipe, by its prefix. */
  readonly fromPipes: ReadonlyMap<string, number>;
  /** Spaces at clouds, refused ones included. */
  readonly spaces: ReadonlyMap<string, ReadSpace>;
}

/** Files and pipes → configuration and every problem of them at once (spec/factory.md §3, §4). */
export function readConfiguration(inputs: ConfigurationInputs): ReadConfiguration {
  const { files, documents, environment, digest, problems: found = [] } = inputs;
  const problems = new ProblemList();
  problems.all.push(...found);
  const all = honourEarly(mergeSections(files, problems), problems);
  const hostless = isHostless(all);
  const sections = hostless ? withoutHost(all, problems) : all;
  warnDefaults(sections, problems);
  const settings = buildSettings(sections, environment, problems, hostless);
  const stateDir = settings?.stateDir ?? environment.stateDirGiven ?? environment.stateDir;
  const defaults: MachinetypeDefaults = {
    userData: { options: settings?.userDataOptions ?? new Map(), files: settings?.userDataFiles ?? new Map() },
    ...(settings?.diskGbPerProcessor !== undefined && { diskGbPerProcessor: settings.diskGbPerProcessor }),
    filesDir: (directory) => environment.filesDir(stateDir, directory),
  };
  const scope: MachinetypeScope = {
    ...sections,
    table: machinetypeTable,
    pipeTable,
    ignored: ignoredMachinetype,
    documents,
    build: (source, found) => buildMachinetype(source, defaults, found),
    place: { file: environment.place, line: 0, column: 0 },
  };
  const { machinetypes, pipes, fromPipes } = readMachinetypes(scope, problems);
  earlyShares(sections, machinetypes, problems);
  for (const name of machinetypes.keys()) if (isDisabled(problems.all, 'machinetype', name)) machinetypes.delete(name);
  const base = settings ?? buildSettings({ ...sections, settings: undefined, defaults: undefined }, environment, new ProblemList(), true);
  const spaces =
    sections.spaces.size === 0 || !base
      ? new Map<string, ReadSpace>()
      : readSpaces(sections, { base, environment, documents: inputs.spaceDocuments ?? new Map(), digestOf: inputs.digestOf ?? (() => digest) }, problems);
  const usable = new Map([...spaces].flatMap(([name, { configuration }]) => (configuration ? [[name, configuration] as const] : [])));
  const configuration: Configuration | undefined =
    settings && !isDisabled(problems.all, 'configuration')
      ? { settings, machinetypes, pipes, digest, ...(spaces.size > 0 && { spaces: usable }), ...(hostless && { host: false }) }
      : undefined;
  const everywhere = [...machinetypes.values(), ...[...usable.values()].flatMap((space) => [...space.machinetypes.values()])];
  const environments = readEnvironments(sections, problems, everywhere);
  const whole = configuration && withEnvironments(configuration, environments, inputs.digestOf ?? (() => digest));
  return { configuration: whole, problems: sorted(problems.all, files), pipes, fromPipes, spaces };
}

/** Spaces at clouds alone, as in a `vcycle.conf`: nothing is said of machines on this host, but perhaps by mistake. */
const isHostless = ({ spaces, settings, defaults, machinetypes, pipes, virtualMachines }: Sections): boolean =>
  [...spaces.values()].some(({ section }) => section !== undefined) &&
  ![settings, defaults].some((section) => section?.options.has('vac_space')) &&
  (settings === undefined || machinetypes.size + pipes.size + virtualMachines.size === 0);

/** Without a host, a machinetype or pipe for it has most likely lost the name of its space. It is disabled alone. */
function withoutHost(sections: Sections, problems: ProblemList): Sections {
  for (const [kind, word, own] of [
    ['machinetype', 'machinetype', sections.machinetypes],
    ['pipe', 'vacuum_pipe', sections.pipes],
  ] as const) {
    for (const [name, { place, title }] of own) {
      const valid = `[${word} SPACE ${name}], SPACE one of ${[...sections.spaces.keys()].join(', ')}; or add vac_space to [settings] for machines on this host`;
      problems.error(place, undefined, `belongs to no space; valid: ${valid}`, { kind, name }, title);
    }
  }
  return { ...sections, machinetypes: new Map(), pipes: new Map() };
}

/** Shares in a section of their own are no longer read (spec/factory.md §3.2, last sentence). */
function earlyShares({ targetShares, machinetypes: sections, pipes }: Sections, machinetypes: ReadonlyMap<string, Machinetype>, problems: ProblemList): void {
  for (const [name, value] of targetShares?.options ?? []) {
    const share = /^[\d.]{1,20}$/.test(value.text) ? value.text : '…';
    if (sections.get(name)?.options.has('target_share') || [...pipes.keys()].some((prefix) => name.startsWith(`${prefix}-`))) {
      problems.warn(value.name, name, 'ignored: the share in the section of the machinetype or pipe counts', 'targetshares');
    } else if (machinetypes.has(name) || sections.has(name)) {
      problems.error(
        value.name,
        name,
        `no longer read here; write target_share = ${share} in [machinetype ${name}]`,
        { kind: 'machinetype', name },
        'targetshares',
      );
    } else problems.warn(value.name, name.slice(0, 60), 'ignored: there is no machinetype of this name', 'targetshares');
  }
}

function warnDefaults({ defaults }: Sections, problems: ProblemList): void {
  if (!defaults) return;
  const tables = [settingsTable, machinetypeTable, pipeTable, environmentTable, spaceTable, ...Object.values(apiTables), cloudMachinetypeTable, cloudPipeTable];
  const ignored = { ...ignoredSettings, ...ignoredMachinetype, ...ignoredCloudMachinetype };
  const known = [...tables.flatMap(namesOf), ...Object.keys(ignored)];
  warnUnknown(defaults.options, known, Object.keys(settingsFamilies), problems, 'DEFAULT');
}

function sorted(problems: readonly Problem[], files: readonly IniFile[]): readonly Problem[] {
  const order = new Map<string, number>();
  for (const { file } of files) if (!order.has(file)) order.set(file, order.size);
  const rank = (p: Problem): number => order.get(p.file) ?? order.size;
  return problems.toSorted((a, b) => rank(a) - rank(b) || a.line - b.line || a.column - b.column);
}
