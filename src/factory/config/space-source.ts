import type { Configuration } from '../../core/settings.ts';
import type { ConfigurationSource, PipeState, Problem } from '../parts.ts';

/**
 * One space at a cloud of a site's configuration, as the configuration of a factory of its own. A space whose sections have become
 * unusable stays in force as it was last good; one that has vanished from the files too, but drains: nothing new is started, and its
 * machines live on to their end. The site's source is shared and stays open.
 */
export class SpaceConfigurationSource implements ConfigurationSource {
  readonly #site: ConfigurationSource;
  readonly #space: string;
  readonly #listeners: (() => void)[] = [];
  #last: Configuration | undefined;
  /** The last good one, draining: made once, so that the same is the same. */
  #vanished: Configuration | undefined;
  #told = '';

  /** `space`: its name, as in `Configuration.spaces`. */
  constructor(site: ConfigurationSource, space: string) {
    this.#site = site;
    this.#space = space;
    this.#told = this.#mark();
    site.onChange(() => this.#look());
  }

  /** Whether the files still have it. False: it drains, and when its last machine has gone nothing is left to do. */
  get exists(): boolean {
    const { configuration, problems } = this.#site.current();
    return configuration === undefined || configuration.spaces?.has(this.#space) === true || problems.some(({ section }) => section === `space ${this.#space}`);
  }

  current(): { readonly configuration: Configuration | undefined; readonly problems: readonly Problem[]; readonly pipes: readonly PipeState[] } {
    const { configuration: site, problems, pipes } = this.#site.current();
    const own = site?.spaces?.get(this.#space);
    if (own) {
      this.#last = own;
      this.#vanished = undefined;
    } else if (this.#last && !this.exists) {
      const { settings, digest } = this.#last;
      this.#vanished ??= { ...this.#last, settings: { ...settings, draining: true }, digest: `${digest} draining` };
    }
    return {
      configuration: own ?? this.#vanished ?? this.#last,
      problems: problems.filter((p) => isOf(p, this.#space) || p.disables.kind === 'configuration'),
      pipes: pipes.filter(({ space }) => space === this.#space),
    };
  }

  refresh(signal: AbortSignal): Promise<void> {
    return this.#site.refresh(signal);
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Ends this view alone. */
  async close(): Promise<void> {
    this.#listeners.length = 0;
  }

  #look(): void {
    const mark = this.#mark();
    if (mark === this.#told) return;
    this.#told = mark;
    for (const listener of this.#listeners.slice()) listener();
  }

  /** What listeners are told of, and nothing of other spaces. */
  #mark(): string {
    const { configuration, problems, pipes } = this.current();
    return JSON.stringify([configuration?.digest, problems, pipes.map(({ prefix, failure }) => [prefix, failure])]);
  }
}

/** Whether a problem is about this space: its own section, or one of its machinetypes and pipes. */
const isOf = ({ section, disables }: Problem, space: string): boolean =>
  section === `space ${space}` ||
  section?.startsWith(`machinetype ${space} `) === true ||
  section?.startsWith(`vacuum_pipe ${space} `) === true ||
  ('name' in disables && disables.kind === 'space' && disables.name === space);
