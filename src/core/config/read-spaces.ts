import type { Configuration, Settings, VacuumPipe } from '../settings.ts';
import { buildCloudMachinetype } from './build-cloud-machinetype.ts';
import { buildSpace } from './build-space.ts';
import { cloudMachinetypeTable, cloudModels, cloudPipeTable, ignoredCloudMachinetype } from './cloud-machinetype-options.ts';
import type { Environment } from './environment.ts';
import { yesNo } from './option-types.ts';
import { type Disables, isDisabled, type ProblemList } from './problem.ts';
import { readMachinetypes } from './read-machinetypes.ts';
import type { Section, Sections, SpaceSections } from './sections.ts';
import { didYouMean } from './suggest.ts';

/** One space at a cloud as the files describe it. */
export interface ReadSpace {
  /** Undefined: it must be refused, whatever the others are. */
  readonly configuration: Configuration | undefined;
  /** Pipes that are usable, also when the space is refused. */
  readonly pipes: readonly VacuumPipe[];
  readonly fromPipes: ReadonlyMap<string, number>;
}

export interface SpacesScope {
  readonly base: Settings;
  readonly environment: Environment;
  /** Last good documents: by space, then by prefix of the pipe. */
  readonly documents: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** Of a text: equal texts, equal digests. */
  readonly digestOf: (text: string) => string;
}

/** Every `[space NAME]` with its machinetypes and pipes, each for itself: what is wrong with one disables no other (spec/cloud.md §1.1, project rule). */
export function readSpaces(sections: Sections, scope: SpacesScope, problems: ProblemList): ReadonlyMap<string, ReadSpace> {
  const spaces = new Map<string, ReadSpace>();
  const named = [...sections.spaces].flatMap(([name, { section }]) => (section ? [name] : []));
  for (const [name, own] of sections.spaces) {
    if (own.section) spaces.set(name, readSpace(name, own.section, own, sections.defaults, scope, problems));
    else tellStray(name, own, named, problems);
  }
  oneServer(sections, spaces, problems);
  return spaces;
}

function readSpace(name: string, section: Section, own: SpaceSections, defaults: Section | undefined, scope: SpacesScope, problems: ProblemList): ReadSpace {
  const { base, environment } = scope;
  const space = buildSpace(name, section, { base, defaults, environment }, problems);
  const stateDir = environment.spaceDir(base.stateDir, name);
  const cloud = {
    space: name,
    flavorNames: space?.settings.cloud?.flavorNames ?? [],
    machinesDirDays: space?.machinesDirDays ?? 3,
    filesDir: (directory: string) => environment.filesDir(stateDir, directory),
  };
  const { machinetypes, pipes, fromPipes } = readMachinetypes(
    {
      space: name,
      machinetypes: own.machinetypes,
      pipes: own.pipes,
      defaults,
      table: cloudMachinetypeTable,
      pipeTable: cloudPipeTable,
      ignored: ignoredCloudMachinetype,
      acceptance: { models: cloudModels, sharesOfAccepted: true },
      pipeFault,
      documents: scope.documents.get(name) ?? new Map(),
      build: (source, found) => buildCloudMachinetype(source, cloud, found),
      place: section.place,
    },
    problems,
  );
  for (const type of machinetypes.keys()) if (isDisabled(problems.all, 'machinetype', `${name} ${type}`)) machinetypes.delete(type);
  for (const { name: type, cloud: facts } of machinetypes.values()) {
    const cache = facts?.cvmfsProxy?.machinetype;
    if (cache === undefined || machinetypes.has(cache)) continue;
    const at = own.machinetypes.get(type)?.options.get('cvmfs_proxy_machinetype')?.place ?? section.place;
    problems.warn(
      at,
      'cvmfs_proxy_machinetype',
      `there is no machinetype ${cache} in this space${didYouMean(cache, machinetypes.keys())}`,
      `machinetype ${name} ${type}`,
    );
  }
  if (!space || isDisabled(problems.all, 'space', name)) return { configuration: undefined, pipes, fromPipes };
  const parts = { settings: space.settings, machinetypes, pipes };
  return { configuration: { ...parts, digest: scope.digestOf(plainText(parts)) }, pipes, fromPipes };
}

/** A pipe decides what runs in the site's project: nobody on the way may change it (spec/cloud.md §1.5, project rule). */
function pipeFault({ options }: Section, url: string): string | undefined {
  const allowed = yesNo.read(options.get('allow_http')?.text ?? 'no');
  if (url.startsWith('https:') || ('value' in allowed && allowed.value)) return undefined;
  return 'plain HTTP, so that anybody on the way can change the pipe; valid: https://…, or add allow_http = yes to this section';
}

function tellStray(name: string, { machinetypes, pipes }: SpaceSections, named: readonly string[], problems: ProblemList): void {
  for (const [kind, sections] of [
    ['machinetype', machinetypes],
    ['pipe', pipes],
  ] as const) {
    for (const [own, { place, title }] of sections) {
      const disables: Disables = { kind, name: `${name} ${own}` };
      problems.error(
        place,
        undefined,
        `there is no [space ${name}]${didYouMean(name, named)}; valid: the name of a space, then the name of the ${kind}`,
        disables,
        title,
      );
    }
  }
}

/** All spaces of a daemon share one server for their machines: the first one says which. */
function oneServer(sections: Sections, spaces: Map<string, ReadSpace>, problems: ProblemList): void {
  let first: { readonly name: string; readonly text: string } | undefined;
  for (const [name, read] of spaces) {
    const guest = read.configuration?.settings.cloud?.guest;
    if (!guest) continue;
    const text = JSON.stringify([guest.listen, guest.certificate, guest.clientCaFile]);
    first ??= { name, text };
    if (text === first.text) continue;
    const section = sections.spaces.get(name)?.section;
    const option = ['guest_listen', 'guest_cert_file', 'guest_key_file', 'guest_client_ca_file', 'https_port', 'guest_url'].find((one) =>
      section?.options.has(one),
    );
    const at = section?.options.get(option ?? '')?.place ?? section?.place ?? { file: '', line: 0, column: 0 };
    const why = `differs from [space ${first.name}]: all spaces share one server; valid: the same guest_listen, guest_cert_file, guest_key_file and guest_client_ca_file`;
    problems.error(at, option, why, { kind: 'space', name }, `space ${name}`);
    spaces.set(name, { ...read, configuration: undefined });
  }
}

/** Without the places in files, which move when something else is written above. */
const plainText = (value: unknown): string =>
  JSON.stringify(value, (key, one: unknown) => (key === 'origin' ? undefined : one instanceof Map ? [...one] : one));
