import type { Machinetype } from '../machinetype.ts';
import type { Configuration, VacuumPipe } from '../settings.ts';
import { buildMachinetype, families, type Layer, type MachinetypeDefaults, readLayer } from './build-machinetype.ts';
import { buildSettings } from './build-settings.ts';
import { honourEarly } from './early.ts';
import type { Environment } from './environment.ts';
import type { IniFile } from './ini.ts';
import { ignoredMachinetype, machinetypeTable, pipeTable } from './machinetype-options.ts';
import { namesOf, readOptions, warnIgnored, warnUnknown } from './option.ts';
import { parsePipe, readPipe } from './pipe-document.ts';
import { type Disables, isDisabled, type Problem, ProblemList, maskUrl } from './problem.ts';
import { mergeSections, type Section, type Sections, withDefaults } from './sections.ts';
import { ignoredSettings, settingsFamilies, settingsTable } from './settings-options.ts';

export interface ConfigurationInputs {
  /** In the order in which they are read: later values replace earlier ones. */
  readonly files: readonly IniFile[];
  /** Last good document of each pipe, by its prefix. Absent: there is no copy yet. */
  readonly documents: ReadonlyMap<string, string>;
  readonly environment: Environment;
  /** SHA-256 over all of this, hexadecimal. */
  readonly digest: string;
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
}

/** Errors, and again warnings, told per pipe; a document full of nonsense must not fill a log. */
const mostPipeProblems = 25;

/** Files and pipes → configuration and every problem of them at once (spec/factory.md §3, §4). */
export function readConfiguration({ files, documents, environment, digest, problems: found = [] }: ConfigurationInputs): ReadConfiguration {
  const problems = new ProblemList();
  problems.all.push(...found);
  const sections = honourEarly(mergeSections(files, problems), problems);
  warnDefaults(sections, problems);
  const settings = buildSettings(sections, environment, problems);
  const stateDir = settings?.stateDir ?? environment.stateDirGiven ?? environment.stateDir;
  const defaults: MachinetypeDefaults = {
    userData: { options: settings?.userDataOptions ?? new Map(), files: settings?.userDataFiles ?? new Map() },
    ...(settings?.diskGbPerProcessor !== undefined && { diskGbPerProcessor: settings.diskGbPerProcessor }),
    filesDir: (directory) => environment.filesDir(stateDir, directory),
  };
  const local = new Map([...sections.machinetypes].map(([name, section]) => [name, localLayer(name, section, problems)]));
  const general = sections.defaults && layerOf(sections.defaults, { kind: 'nothing' }, new ProblemList());
  const machinetypes = new Map<string, Machinetype>();
  const fromPipes = new Map<string, number>();
  const pipes: VacuumPipe[] = [];
  const awaited: string[] = [];

  for (const [prefix, section] of sections.pipes) {
    const pipe = readPipeSection(prefix, section, sections, problems);
    const document = pipe && readDocument(pipe.pipe, documents, problems);
    if (pipe) pipes.push(pipe.pipe);
    if (!pipe || !document) {
      awaited.push(`${prefix}-`);
      continue;
    }
    const url = maskUrl(pipe.pipe.url);
    const title = `vacuum_pipe ${prefix}`;
    const found = new ProblemList();
    const entries = readPipe(document, { ...pipe.pipe, url }, found);
    const refused = new Set(found.all.flatMap(({ disables }) => ('name' in disables ? disables.name : [])));
    for (const { name, layer, share, place } of entries) {
      if (machinetypes.has(name)) {
        found.warn(place, 'suffix', `${name} has already been defined by another pipe; this one is skipped`, title);
        continue;
      }
      const layers = [local.get(name), pipe.layer, general, layer].filter((some) => some !== undefined);
      const machinetype = buildMachinetype(
        { name, layers, share, place, directory: prefix, origin: url, pipe: { url: pipe.pipe.url, layer } },
        defaults,
        found,
      );
      local.delete(name);
      if (machinetype && !refused.has(name) && !isDisabled(problems.all, 'machinetype', name)) {
        machinetypes.set(name, machinetype);
        fromPipes.set(prefix, (fromPipes.get(prefix) ?? 0) + 1);
      }
    }
    problems.absorb(found.all, { file: url, section: title, most: mostPipeProblems });
  }
  for (const [name, layer] of local) {
    const { place } = sections.machinetypes.get(name) ?? { place: { file: environment.place, line: 0, column: 0 } };
    if (awaited.some((start) => name.startsWith(start))) {
      problems.warn(place, undefined, 'completes a machinetype of a pipe which has not been read yet', `machinetype ${name}`);
      continue;
    }
    const layers = general ? [layer, general] : [layer];
    const machinetype = buildMachinetype({ name, layers, place, directory: name, origin: `${place.file}:${place.line}` }, defaults, problems);
    if (machinetype) machinetypes.set(name, machinetype);
  }
  earlyShares(sections, machinetypes, problems);
  for (const name of machinetypes.keys()) if (isDisabled(problems.all, 'machinetype', name)) machinetypes.delete(name);
  const configuration = settings && !isDisabled(problems.all, 'configuration') ? { settings, machinetypes, pipes, digest } : undefined;
  return { configuration, problems: sorted(problems.all, files), pipes, fromPipes };
}

const layerOf = (section: Section, disables: Disables, problems: ProblemList): Layer =>
  readLayer({ options: section.options, problems, disables, section: section.title });

function localLayer(name: string, section: Section, problems: ProblemList): Layer {
  warnUnknown(section.options, [...namesOf(machinetypeTable), ...Object.keys(ignoredMachinetype)], families, problems, section.title);
  warnIgnored(section.options, ignoredMachinetype, problems, section.title);
  return layerOf(section, { kind: 'machinetype', name }, problems);
}

/** `[vacuum_pipe PREFIX]`: its own two options, and options which all its machinetypes inherit. */
function readPipeSection(
  prefix: string,
  section: Section,
  sections: Sections,
  problems: ProblemList,
): { readonly pipe: VacuumPipe; readonly layer: Layer } | undefined {
  const disables: Disables = { kind: 'pipe', name: prefix };
  warnUnknown(section.options, [...namesOf(pipeTable), ...namesOf(machinetypeTable), ...Object.keys(ignoredMachinetype)], families, problems, section.title);
  warnIgnored(section.options, ignoredMachinetype, problems, section.title);
  const own = readOptions(pipeTable, { options: withDefaults(section, sections.defaults), problems, disables, section: section.title });
  const inherited = new Map([...section.options].filter(([name]) => !Object.hasOwn(pipeTable, name)));
  const layer = layerOf({ ...section, options: inherited }, disables, problems);
  // Read here for its problems alone: what is wrong in this section disables the pipe and is told once.
  readOptions(machinetypeTable, { options: layer.options, problems, disables, section: section.title });
  if (!section.options.has('vacuum_pipe_url') && !sections.defaults?.options.has('vacuum_pipe_url')) {
    problems.error(section.place, 'vacuum_pipe_url', 'required: add the URL at which the pipe is published', disables, section.title);
  }
  if (own.vacuum_pipe_url === undefined || isDisabled(problems.all, 'pipe', prefix)) return undefined;
  return { pipe: { prefix, url: own.vacuum_pipe_url, targetShare: own.target_share ?? 0 }, layer };
}

function readDocument({ prefix, url }: VacuumPipe, documents: ReadonlyMap<string, string>, problems: ProblemList) {
  const text = documents.get(prefix);
  const document = text === undefined ? undefined : parsePipe(text);
  if (document === undefined || !('wrong' in document)) return document;
  problems.error({ file: maskUrl(url), line: 0, column: 0 }, undefined, document.wrong, { kind: 'pipe', name: prefix }, `vacuum_pipe ${prefix}`);
  return undefined;
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
  const known = [...namesOf(settingsTable), ...namesOf(machinetypeTable), ...namesOf(pipeTable), ...Object.keys({ ...ignoredSettings, ...ignoredMachinetype })];
  warnUnknown(defaults.options, known, Object.keys(settingsFamilies), problems, 'DEFAULT');
}

function sorted(problems: readonly Problem[], files: readonly IniFile[]): readonly Problem[] {
  const order = new Map<string, number>();
  for (const { file } of files) if (!order.has(file)) order.set(file, order.size);
  const rank = (p: Problem): number => order.get(p.file) ?? order.size;
  return problems.toSorted((a, b) => rank(a) - rank(b) || a.line - b.line || a.column - b.column);
}
