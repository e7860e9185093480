import type { SpaceReport } from '../core/space/report.ts';
import { type Instant, instant } from '../core/units.ts';
import { CensusFiles, censusEverySeconds } from './census.ts';
import type { Clock } from './clock.ts';
import type { EventBus } from './events.ts';
import type { FactoryView } from './view.ts';
import { VacMon, type VacMonOptions } from './vacmon.ts';

/** Others start with this factory, for instance after a power cut: they are given time, and not all ask at the same moment. */
const firstCensusSeconds = { least: 60, most: 360 } as const;

export interface MonitoringOptions {
  readonly view: () => FactoryView;
  readonly bus: EventBus;
  readonly clock: Clock;
  /** Where the census is kept; usually `layout(stateDir).census`. */
  readonly census: string;
  readonly log: { warn(fields: object, message: string): void };
  /** From 0 to below 1. */
  readonly random: () => number;
  readonly vacmon?: Partial<VacMonOptions>;
}

/** What a factory does beside its turns for those who watch a space: pushes to VacMon, and the hourly census (spec/vacquery.md §9.1, spec/factory.md §18). */
export class Monitoring {
  readonly #options: MonitoringOptions;
  readonly #census: CensusFiles;
  readonly #vacmon: VacMon;
  readonly #unsubscribe: () => void;
  readonly #loaded: Promise<void>;
  #nextCensus: number | undefined;
  #turning: Promise<void> | undefined;
  #taking: Promise<void> | undefined;
  #closed = false;

  /** Begins with the next turn. */
  constructor(options: MonitoringOptions) {
    const { view, clock, bus } = options;
    this.#options = options;
    this.#census = new CensusFiles(options.census, () => view().status().space);
    this.#vacmon = new VacMon({ view, uptime: () => clock.uptime(), wall: () => clock.wall(), ...options.vacmon });
    this.#loaded = this.#census.load(clock.wall());
    this.#unsubscribe = bus.subscribe({
      decided: () => {
        this.#turning = this.#turned();
      },
      finished: ({ machine }) => this.#vacmon.finished(machine),
      clockStepped: ({ by }) => this.#census.shift(by * 1000),
    });
  }

  /** The report with what the census knows of each factory, and with what keeps monitors from being told. */
  completed(report: SpaceReport): SpaceReport {
    const known = new Map(this.#census.entries(report.at).map((e) => [e.factory, e]));
    const factories = report.factories.map((f) => {
      const entry = f.facts === undefined ? known.get(f.factory) : undefined;
      return entry === undefined ? f : { ...f, facts: entry.facts, factsAt: entry.seenAt };
    });
    return { ...report, factories, problems: [...(report.problems ?? []), ...this.#vacmon.faults()] };
  }

  /** Resolves when nothing of the last turn is under way. */
  async idle(): Promise<void> {
    await this.#turning;
    await this.#taking;
  }

  close(): void {
    this.#closed = true;
    this.#unsubscribe();
    this.#vacmon.close();
  }

  async #turned(): Promise<void> {
    void this.#vacmon.turned();
    await this.#loaded;
    const uptime = this.#options.clock.uptime();
    this.#nextCensus ??= uptime + this.#untilFirst(this.#options.clock.wall());
    if (uptime < this.#nextCensus || this.#taking !== undefined || this.#closed) return;
    this.#nextCensus = uptime + censusEverySeconds;
    this.#taking = this.#take().finally(() => {
      this.#taking = undefined;
    });
  }

  /** An earlier process may have taken one less than an hour ago. */
  #untilFirst(now: Instant): number {
    const { least, most } = firstCensusSeconds;
    const latest = this.#census.latest ?? instant(0);
    return Math.min(censusEverySeconds, Math.max(least + this.#options.random() * (most - least), censusEverySeconds - (now - latest) / 1000));
  }

  async #take(): Promise<void> {
    const { view, clock, log } = this.#options;
    const { configuration } = view().configuration();
    if (configuration === undefined) return;
    const answers = await view().ask('factories', { within: configuration.settings.udpTimeout });
    if (this.#closed) return;
    try {
      await this.#census.store(answers, clock.wall());
    } catch (error) {
      log.warn({ error: String(error) }, 'census cannot be written');
    }
  }
}
