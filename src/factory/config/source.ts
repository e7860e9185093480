import { createHash } from 'node:crypto';
import { type ReadConfiguration, readConfiguration } from '../../core/config/configuration.ts';
import type { Environment } from '../../core/config/environment.ts';
import { maskUrl } from '../../core/config/problem.ts';
import type { Configuration, VacuumPipe } from '../../core/settings.ts';
import { type Clock, SystemClock } from '../clock.ts';
import { fetchLimited } from '../http-fetch.ts';
import { layout } from '../layout.ts';
import type { ConfigurationSource, PipeState, Problem } from '../parts.ts';
import { type ConfigurationPlaces, findFiles, type ReadFiles, readFiles, usualPlaces } from './files.ts';
import { credentialSurroundings, hostEnvironment } from './host-environment.ts';
import { credentialsMark } from './openstack-credentials.ts';
import { PipeKeeper, type PipeKeeperParts } from './pipe-keeper.ts';

export interface FileConfigurationOptions {
  /** Just these files; empty or absent: the usual places (spec/factory.md §3.1, spec/cloud.md §1.1). */
  readonly files?: readonly string[];
  /** Named on the command line: counts instead of the option `state_dir`. */
  readonly stateDir?: string;
  /** Use stored copies of pipes alone. */
  readonly offline?: boolean;
  /** Store no copies of pipes: for a person who only looks, perhaps as another user than the daemon. */
  readonly readOnly?: boolean;
  /** What a test or a demonstration replaces. */
  readonly places?: ConfigurationPlaces;
  readonly environment?: Environment;
  readonly clock?: Pick<Clock, 'wall' | 'uptime'>;
  readonly fetch?: typeof fetchLimited;
}

/** Whose pipes: those of the host, or of the space of this name. */
const host = '';

/** The configuration of a site from files and vacuum pipes. A turn may ask for a refresh every time: it costs a few `stat`s. */
export class FileConfigurationSource implements ConfigurationSource {
  readonly #places: ConfigurationPlaces;
  readonly #environment: Environment;
  readonly #offline: boolean;
  readonly #keeperParts: PipeKeeperParts;
  /** One for the host and one for each space, so that a slow pipe delays no other. */
  readonly #keepers = new Map<string, PipeKeeper>();
  readonly #listeners: (() => void)[] = [];
  #marks: string | undefined;
  #files: ReadFiles = { files: [], problems: [], digest: '' };
  #read: ReadConfiguration = { configuration: undefined, problems: [], pipes: [], fromPipes: new Map(), spaces: new Map() };
  #inForce: Configuration | undefined;
  /** What has been told to listeners last. */
  #told = '';
  #refreshing: Promise<void> | undefined;

  constructor(options: FileConfigurationOptions = {}) {
    const { files = [], clock = new SystemClock(), fetch = fetchLimited } = options;
    this.#places = options.places ?? (files.length > 0 ? { files } : usualPlaces);
    this.#environment = options.environment ?? hostEnvironment(options.stateDir);
    this.#offline = options.offline ?? false;
    this.#keeperParts = { clock, fetch, store: !(options.readOnly ?? false), onChange: () => this.#assemble() };
  }

  /** Problems and pipes of the host and of all spaces; a space that has become unusable is in force as it was last good. */
  current(): { readonly configuration: Configuration | undefined; readonly problems: readonly Problem[]; readonly pipes: readonly PipeState[] } {
    const pipes = this.#owners().flatMap(([owner, { pipes: own, fromPipes }]) =>
      own.map(({ prefix, url }): PipeState => {
        const copy = this.#keepers.get(owner)?.copy(prefix);
        const failure = this.#keepers.get(owner)?.failure(prefix);
        return {
          ...(owner !== host && { space: owner }),
          prefix,
          url: maskUrl(url),
          ...(copy && { fetchedAt: copy.fetchedAt }),
          ...(failure !== undefined && { failure }),
          machinetypes: fromPipes.get(prefix) ?? 0,
        };
      }),
    );
    return { configuration: this.#inForce, problems: this.#read.problems, pipes };
  }

  /** Reads files that have changed, and begins to fetch pipes whose copy has expired, without waiting for them (see `settled`). */
  refresh(signal: AbortSignal): Promise<void> {
    this.#refreshing ??= this.#refresh(signal).finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /** Resolves when no pipe is being fetched. */
  async settled(): Promise<void> {
    await Promise.all([...this.#keepers.values()].map((keeper) => keeper.settled()));
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  async close(): Promise<void> {
    this.#listeners.length = 0;
    await Promise.all([...this.#keepers.values()].map((keeper) => keeper.close()));
  }

  async #refresh(signal: AbortSignal): Promise<void> {
    const found = await findFiles(this.#places);
    if (signal.aborted) return;
    const marks = JSON.stringify([found, this.#credentials()]);
    if (marks !== this.#marks) {
      this.#files = await readFiles(found);
      this.#readAll();
      this.#marks = JSON.stringify([found, this.#credentials()]);
      await this.#loadPipes();
      this.#assemble();
    }
    if (this.#offline) return;
    const caDir = this.#settings()?.caDir ?? '/etc/grid-security/certificates';
    for (const [owner] of this.#owners()) this.#keepers.get(owner)?.begin({ directory: this.#pipesDirectory(owner), caDir });
  }

  /** What tells whether clouds.yaml has changed, where a space may depend on it. */
  #credentials(): string {
    return this.#read.spaces.size === 0 ? '' : credentialsMark(credentialSurroundings());
  }

  #owners(): [string, { readonly pipes: readonly VacuumPipe[]; readonly fromPipes: ReadonlyMap<string, number> }][] {
    return [[host, this.#read], ...this.#read.spaces];
  }

  async #loadPipes(): Promise<void> {
    const owners = this.#owners();
    for (const [name, keeper] of this.#keepers) {
      if (owners.some(([owner]) => owner === name)) continue;
      this.#keepers.delete(name);
      await keeper.close();
    }
    for (const [owner, { pipes }] of owners) {
      const keeper = this.#keepers.get(owner) ?? new PipeKeeper(this.#keeperParts);
      this.#keepers.set(owner, keeper);
      await keeper.load(pipes, this.#pipesDirectory(owner));
    }
  }

  #settings(): Configuration['settings'] | undefined {
    return (this.#read.configuration ?? this.#inForce)?.settings;
  }
  #pipesDirectory(owner: string): string {
    const stateDir = this.#settings()?.stateDir ?? this.#environment.stateDirGiven ?? this.#environment.stateDir;
    return layout(owner === host ? stateDir : layout(stateDir).space(owner)).pipes;
  }

  #readAll(): ReadConfiguration {
    const { files, problems, digest } = this.#files;
    const hash = createHash('sha256').update(digest);
    const documents = new Map<string, Map<string, string>>();
    for (const [owner, { pipes }] of this.#owners()) {
      const own = new Map<string, string>();
      documents.set(owner, own);
      for (const { prefix, url } of pipes) {
        const copy = this.#keepers.get(owner)?.copy(prefix);
        if (copy?.url !== url) continue;
        own.set(prefix, copy.text);
        hash.update(`${owner}${owner === host ? '' : ' '}${prefix} ${copy.text.length}\n`).update(copy.text);
      }
    }
    hash.update(this.#credentials());
    this.#read = readConfiguration({
      files,
      problems,
      documents: documents.get(host) ?? new Map(),
      spaceDocuments: documents,
      environment: this.#environment,
      digest: hash.digest('hex'),
      digestOf: (text) => createHash('sha256').update(text).digest('hex'),
    });
    return this.#read;
  }

  /** A refused configuration changes the problems and nothing else: the last good one stays in force (spec/factory.md §3.1). */
  #assemble(): void {
    const { configuration, problems, spaces } = this.#readAll();
    if (configuration) this.#inForce = withLastGood(configuration, [...spaces.keys()], this.#inForce);
    const now = JSON.stringify([this.#inForce?.digest, problems, this.current().pipes.map(({ space, prefix, failure }) => [space, prefix, failure])]);
    if (now === this.#told) return;
    this.#told = now;
    for (const listener of this.#listeners.slice()) listener();
  }
}

/** The same with each space that is described but not usable as it was before, so that what is broken stops no space that works. */
function withLastGood(configuration: Configuration, described: readonly string[], before: Configuration | undefined): Configuration {
  if (configuration.spaces === undefined) return configuration;
  const spaces = described.flatMap((name) => {
    const space = configuration.spaces?.get(name) ?? before?.spaces?.get(name);
    return space ? [[name, space] as const] : [];
  });
  return { ...configuration, spaces: new Map(spaces) };
}
