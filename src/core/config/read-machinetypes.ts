import type { Machinetype } from '../machinetype.ts';
import type { VacuumPipe } from '../settings.ts';
import { families, type Layer, type MachinetypeSource, readLayer } from './build-machinetype.ts';
import type { machinetypeTable, pipeTable } from './machinetype-options.ts';
import { namesOf, readOptions, warnIgnored, warnUnknown } from './option.ts';
import { type Acceptance, parsePipe, readPipe } from './pipe-document.ts';
import { type Disables, isDisabled, maskUrl, type Place, ProblemList } from './problem.ts';
import { scoped, type Section, withDefaults } from './sections.ts';

/** Whose machinetypes and pipes are read: this host's, or those of one space at a cloud. */
export interface MachinetypeScope {
  /** Name of the space at a cloud; absent: the host. */
  readonly space?: string;
  readonly machinetypes: ReadonlyMap<string, Section>;
  readonly pipes: ReadonlyMap<string, Section>;
  /** `[DEFAULT]`. */
  readonly defaults: Section | undefined;
  readonly table: typeof machinetypeTable;
  /** What `[vacuum_pipe …]` has besides options for all its machinetypes. */
  readonly pipeTable: typeof pipeTable;
  /** Options that are warned about, without effect. */
  readonly ignored: Readonly<Record<string, string>>;
  /** What a pipe may say here beyond the table. */
  readonly acceptance?: Acceptance;
  /** Why the URL of a pipe is not allowed here; undefined: it is. */
  readonly pipeFault?: (section: Section, url: string) => string | undefined;
  /** Last good document of each pipe, by its prefix. */
  readonly documents: ReadonlyMap<string, string>;
  readonly build: (source: MachinetypeSource, problems: ProblemList) => Machinetype | undefined;
  /** Where a section that stands in no file is told to be. */
  readonly place: Place;
}

export interface ReadMachinetypes {
  readonly machinetypes: Map<string, Machinetype>;
  /** Pipes that are usable. */
  readonly pipes: readonly VacuumPipe[];
  /** Machinetypes that came from each pipe, by its prefix. */
  readonly fromPipes: ReadonlyMap<string, number>;
}

/** Errors, and again warnings, told per pipe; a document full of nonsense must not fill a log. */
const mostPipeProblems = 25;

/** Machinetypes of sections and pipes, one from the other (spec/factory.md §3.3, §4; spec/cloud.md §1.4, §1.5). */
export function readMachinetypes(scope: MachinetypeScope, problems: ProblemList): ReadMachinetypes {
  const { space, build } = scope;
  const local = new Map([...scope.machinetypes].map(([name, section]) => [name, localLayer(name, section, scope, problems)]));
  const general = scope.defaults && layerOf(scope.defaults, { kind: 'nothing' }, scope, new ProblemList());
  const machinetypes = new Map<string, Machinetype>();
  const fromPipes = new Map<string, number>();
  const pipes: VacuumPipe[] = [];
  const awaited: string[] = [];

  for (const [prefix, section] of scope.pipes) {
    const pipe = readPipeSection(prefix, section, scope, problems);
    const document = pipe && readDocument(pipe.pipe, scope, problems);
    if (pipe) pipes.push(pipe.pipe);
    if (!pipe || !document) {
      awaited.push(`${prefix}-`);
      continue;
    }
    const url = maskUrl(pipe.pipe.url);
    const found = new ProblemList();
    const entries = readPipe(document, { ...pipe.pipe, url, ...scope }, found);
    const refused = new Set(found.all.flatMap(({ disables }) => ('name' in disables ? disables.name : [])));
    const built = new Map<string, { readonly machinetype: Machinetype; readonly weight?: number }>();
    for (const { name, layer, share, weight, place } of entries) {
      if (machinetypes.has(name)) {
        found.warn(place, 'suffix', `${name} has already been defined by another pipe; this one is skipped`, section.title);
        continue;
      }
      const layers = [local.get(name), pipe.layer, general, layer].filter((some) => some !== undefined);
      const source = { name, layers, share, place, directory: prefix, origin: url, pipe: { url: pipe.pipe.url, layer } };
      const machinetype = build(source, found);
      local.delete(name);
      if (!machinetype || refused.has(scoped(space, name)) || isDisabled(problems.all, 'machinetype', scoped(space, name))) continue;
      const ownShare = layers.some(({ options }) => options.has('target_share'));
      built.set(name, ownShare ? { machinetype } : { machinetype, weight });
      fromPipes.set(prefix, (fromPipes.get(prefix) ?? 0) + 1);
    }
    const all = [...entries].reduce((sum, { name, weight }) => sum + (built.has(name) ? weight : 0), 0);
    for (const [name, { machinetype, weight }] of built) {
      const shared = scope.acceptance?.sharesOfAccepted === true && weight !== undefined;
      machinetypes.set(name, shared ? { ...machinetype, targetShare: all > 0 ? (pipe.pipe.targetShare * weight) / all : 0 } : machinetype);
    }
    problems.absorb(found.all, { file: url, section: section.title, most: mostPipeProblems });
  }
  for (const [name, layer] of local) {
    const { place, title } = scope.machinetypes.get(name) ?? { place: scope.place, title: `machinetype ${scoped(space, name)}` };
    if (awaited.some((start) => name.startsWith(start))) {
      problems.warn(place, undefined, 'completes a machinetype of a pipe which has not been read yet', title);
      continue;
    }
    const layers = general ? [layer, general] : [layer];
    const machinetype = build({ name, layers, place, directory: name, origin: `${place.file}:${place.line}` }, problems);
    if (machinetype) machinetypes.set(name, machinetype);
  }
  return { machinetypes, pipes, fromPipes };
}

const layerOf = (section: Section, disables: Disables, { table, ignored }: MachinetypeScope, problems: ProblemList): Layer => {
  const options = new Map([...section.options].filter(([name]) => !Object.hasOwn(ignored, name)));
  return readLayer({ options, problems, disables, section: section.title }, table);
};

function localLayer(name: string, section: Section, scope: MachinetypeScope, problems: ProblemList): Layer {
  warnUnknown(section.options, [...namesOf(scope.table), ...Object.keys(scope.ignored)], families, problems, section.title);
  warnIgnored(section.options, scope.ignored, problems, section.title);
  return layerOf(section, { kind: 'machinetype', name: scoped(scope.space, name) }, scope, problems);
}

/** `[vacuum_pipe PREFIX]`: its own options, and options which all its machinetypes inherit. */
function readPipeSection(
  prefix: string,
  section: Section,
  scope: MachinetypeScope,
  problems: ProblemList,
): { readonly pipe: VacuumPipe; readonly layer: Layer } | undefined {
  const { table, pipeTable, ignored, defaults } = scope;
  const name = scoped(scope.space, prefix);
  const disables: Disables = { kind: 'pipe', name };
  warnUnknown(section.options, [...namesOf(pipeTable), ...namesOf(table), ...Object.keys(ignored)], families, problems, section.title);
  warnIgnored(section.options, ignored, problems, section.title);
  const options = withDefaults(section, defaults);
  const own = readOptions(pipeTable, { options, problems, disables, section: section.title });
  const inherited = new Map([...section.options].filter(([option]) => !Object.hasOwn(pipeTable, option)));
  const layer = layerOf({ ...section, options: inherited }, disables, scope, problems);
  // Read here for its problems alone: what is wrong in this section disables the pipe and is told once.
  readOptions(table, { options: layer.options, problems, disables, section: section.title });
  const url = own.vacuum_pipe_url;
  if (!options.has('vacuum_pipe_url')) {
    problems.error(section.place, 'vacuum_pipe_url', 'required: add the URL at which the pipe is published', disables, section.title);
  }
  const fault = url === undefined ? undefined : scope.pipeFault?.(section, url);
  if (fault !== undefined) problems.error(options.get('vacuum_pipe_url')?.place ?? section.place, 'vacuum_pipe_url', fault, disables, section.title);
  if (url === undefined || isDisabled(problems.all, 'pipe', name)) return undefined;
  return { pipe: { prefix, url, targetShare: own.target_share ?? 0 }, layer };
}

function readDocument({ prefix, url }: VacuumPipe, { space, documents }: MachinetypeScope, problems: ProblemList) {
  const text = documents.get(prefix);
  const document = text === undefined ? undefined : parsePipe(text);
  if (document === undefined || !('wrong' in document)) return document;
  const name = scoped(space, prefix);
  problems.error({ file: maskUrl(url), line: 0, column: 0 }, undefined, document.wrong, { kind: 'pipe', name }, `vacuum_pipe ${name}`);
  return undefined;
}
