import { createHash } from 'node:crypto';
import { type ReadConfiguration, readConfiguration } from '../../core/config/configuration.ts';
import type { Environment } from '../../core/config/environment.ts';
import { maskUrl } from '../../core/config/problem.ts';
import type { Configuration } from '../../core/settings.ts';
import { type Clock, SystemClock } from '../clock.ts';
import { fetchLimited } from '../http-fetch.ts';
import { layout } from '../layout.ts';
import type { ConfigurationSource, PipeState, Problem } from '../parts.ts';
import { type ConfigurationPlaces, findFiles, type ReadFiles, readFiles, usualPlaces } from './files.ts';
import { hostEnvironment } from './host-environment.ts';
import { PipeKeeper } from './pipe-keeper.ts';

export interface FileConfigurationOptions {
  /** Just these files; empty or absent: the usual places (spec/factory.md §3.1). */
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

/** The configuration of a factory from files and vacuum pipes. A turn may ask for a refresh every time: it costs a few `stat`s. */
export class FileConfigurationSource implements ConfigurationSource {
  readonly #places: ConfigurationPlaces;
  readonly #environment: Environment;
  readonly #offline: boolean;
  readonly #pipes: PipeKeeper;
  readonly #listeners: (() => void)[] = [];
  #marks: string | undefined;
  #files: ReadFiles = { files: [], problems: [], digest: '' };
  #read: ReadConfiguration = { configuration: undefined, problems: [], pipes: [], fromPipes: new Map() };
  #inForce: Configuration | undefined;
  /** What has been told to listeners last. */
  #told = '';
  #refreshing: Promise<void> | undefined;

  constructor(options: FileConfigurationOptions = {}) {
    const { files = [], clock = new SystemClock(), fetch = fetchLimited } = options;
    this.#places = options.places ?? (files.length > 0 ? { files } : usualPlaces);
    this.#environment = options.environment ?? hostEnvironment(options.stateDir);
    this.#offline = options.offline ?? false;
    this.#pipes = new PipeKeeper({ clock, fetch, store: !(options.readOnly ?? false), onChange: () => this.#assemble() });
  }

  current(): { readonly configuration: Configuration | undefined; readonly problems: readonly Problem[]; readonly pipes: readonly PipeState[] } {
    const pipes = this.#read.pipes.map(({ prefix, url }): PipeState => {
      const copy = this.#pipes.copy(prefix);
      const failure = this.#pipes.failure(prefix);
      return {
        prefix,
        url: maskUrl(url),
        ...(copy && { fetchedAt: copy.fetchedAt }),
        ...(failure !== undefined && { failure }),
        machinetypes: this.#read.fromPipes.get(prefix) ?? 0,
      };
    });
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
    await this.#pipes.settled();
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  async close(): Promise<void> {
    this.#listeners.length = 0;
    await this.#pipes.close();
  }

  async #refresh(signal: AbortSignal): Promise<void> {
    const found = await findFiles(this.#places);
    if (signal.aborted) return;
    const marks = JSON.stringify(found);
    if (marks !== this.#marks) {
      this.#files = await readFiles(found);
      this.#marks = marks;
      await this.#pipes.load(this.#readAll().pipes, this.#pipesDirectory());
      this.#assemble();
    }
    if (!this.#offline) {
      this.#pipes.begin({ directory: this.#pipesDirectory(), caDir: this.#settings()?.caDir ?? '/etc/grid-security/certificates' });
    }
  }

  #settings(): Configuration['settings'] | undefined {
    return (this.#read.configuration ?? this.#inForce)?.settings;
  }
  #pipesDirectory(): string {
    return layout(this.#settings()?.stateDir ?? this.#environment.stateDirGiven ?? this.#environment.stateDir).pipes;
  }

  #readAll(): ReadConfiguration {
    const { files, problems, digest } = this.#files;
    const hash = createHash('sha256').update(digest);
    const documents = new Map<string, string>();
    for (const { prefix, url } of this.#read.pipes) {
      const copy = this.#pipes.copy(prefix);
      if (copy?.url !== url) continue;
      documents.set(prefix, copy.text);
      hash.update(`${prefix} ${copy.text.length}\n`).update(copy.text);
    }
    this.#read = readConfiguration({ files, problems, documents, environment: this.#environment, digest: hash.digest('hex') });
    return this.#read;
  }

  /** A refused configuration changes the problems and nothing else: the last good one stays in force (spec/factory.md §3.1). */
  #assemble(): void {
    const { configuration, problems } = this.#readAll();
    this.#inForce = configuration ?? this.#inForce;
    const now = JSON.stringify([this.#inForce?.digest, problems, this.current().pipes.map(({ prefix, failure }) => [prefix, failure])]);
    if (now === this.#told) return;
    this.#told = now;
    for (const listener of this.#listeners.slice()) listener();
  }
}
