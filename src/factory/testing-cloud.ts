import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CloudSettings } from '../core/cloud/settings.ts';
import type { Decision } from '../core/decision.ts';
import type { GuestReport, Machine } from '../core/machine.ts';
import { type CloudMachinetype, type Machinetype, unlimitedProcessors } from '../core/machinetype.ts';
import type { Configuration, Settings } from '../core/settings.ts';
import { neutralMachinetype, neutralSettings } from '../core/situation/neutral.ts';
import { type MachineId, machineId, type Seconds, seconds } from '../core/units.ts';
import { ManualClock } from '../providers/sim/clock.ts';
import { SimCloudProvider } from '../providers/sim/cloud-provider.ts';
import { SimCloud, type SimCloudOptions } from '../providers/sim/cloud.ts';
import type { Clock } from './clock.ts';
import { EventBus } from './events.ts';
import { Journal } from './journal.ts';
import { layout } from './layout.ts';
import { Loop } from './loop.ts';
import { noSteps, type Steps } from './loop-parts.ts';
import type { GuestService, ManagersPart } from './parts.ts';

/** A space at a simulated cloud, on a clock that is moved by hand: for tests and benches of the loop. */

export const cloudSettings = (more: Partial<CloudSettings> = {}): CloudSettings => ({
  api: { kind: 'command', command: ['/bin/false'], passEnvironment: [] },
  flavorNames: [],
  volumeGbPerProcessor: 0,
  startingLimit: seconds(3600),
  manager: 'manager.example.com',
  takeover: seconds(600),
  orphans: 'adopt',
  guest: { url: 'https://manager.example.com', listen: { host: '127.0.0.1', port: 8080 } },
  accounting: 'job',
  ...more,
});

export const cloudType = (name: string, more: Partial<Machinetype> = {}, cloud: Partial<CloudMachinetype> = {}): Machinetype => ({
  ...neutralMachinetype,
  name,
  targetShare: 1,
  machinegroup: name,
  model: 'vm-raw',
  rootImage: 'image:any',
  maxProcessors: unlimitedProcessors,
  maxWallclock: seconds(86_400),
  minWallclock: seconds(0),
  backoff: seconds(600),
  fizzle: seconds(600),
  ...more,
  cloud: { flavorNames: [], ...cloud },
});

export const cloudConfiguration = (types: readonly Machinetype[], cloud: Partial<CloudSettings> = {}, settings: Partial<Settings> = {}): Configuration => ({
  settings: {
    ...neutralSettings,
    space: 'cloud.example.com',
    provider: 'command',
    startRatePerMinute: 1_000_000,
    bootConcurrency: 1_000_000,
    grace: seconds(600),
    ...settings,
    cloud: cloudSettings(cloud),
  },
  machinetypes: new Map(types.map((type) => [type.name, type])),
  pipes: [],
  digest: '',
});

/** Guests that have said what a test says they have. */
export class SaidGuests implements GuestService {
  readonly said = new Map<MachineId, GuestReport>();
  readonly #clock: Pick<Clock, 'wall'>;
  since: GuestService['since'];
  constructor(clock: Pick<Clock, 'wall'>) {
    this.#clock = clock;
    this.since = this.#clock.wall();
  }
  async attach(): Promise<void> {}
  async detach(): Promise<void> {}
  report(id: MachineId): GuestReport {
    return this.said.get(id) ?? {};
  }
  update(): void {}
  shift(): void {
    this.since = this.#clock.wall();
  }
  placesFor({ name }: Machine): { machinefeatures: string; jobfeatures: string; joboutputs: string } {
    const place = (what: string): string => `https://manager.example.com/machines/cloud.example.com/${name}/${what}`;
    return { machinefeatures: place('machinefeatures'), jobfeatures: place('jobfeatures'), joboutputs: place('joboutputs') };
  }
  async close(): Promise<void> {}
}

export interface ManagerOptions {
  readonly configuration: Configuration;
  /** Absent: a new directory. */
  readonly stateDir?: string;
  readonly managers?: ManagersPart;
  readonly steps?: Steps;
}

let drawn = 0;

/** One manager of the space: the real loop and journal. */
export class CloudManager {
  readonly stateDir: string;
  readonly journal: Journal;
  readonly provider: SimCloudProvider;
  readonly guests: SaidGuests;
  readonly loop: Loop;
  readonly bus = new EventBus();
  configuration: Configuration;
  readonly #clock: Clock;
  #dead = false;

  /** A clock that moves by itself will do, when `after` is not called with a time to wait. */
  constructor(cloud: SimCloud, clock: Clock, options: ManagerOptions) {
    this.#clock = clock;
    this.configuration = options.configuration;
    this.stateDir = options.stateDir ?? mkdtempSync(join(tmpdir(), 'vacua-cloud-'));
    const places = layout(this.stateDir);
    this.journal = new Journal(places.journal);
    this.provider = new SimCloudProvider(cloud, this.configuration.settings.cloud?.manager ?? '');
    this.guests = new SaidGuests(clock);
    this.loop = new Loop({
      factory: this.configuration.settings.factoryName,
      clock,
      host: { processors: 1, facts: async () => ({ load: 1000, freeDiskBytes: 1e12 }) },
      layout: places,
      stateDir: this.stateDir,
      journal: this.journal,
      provider: this.provider,
      guests: this.guests,
      contextualiser: { prepare: async () => undefined },
      images: {
        want: () => undefined,
        preparation: () => ({ ready: true }),
        files: async () => ({ rootImage: '/dev/null' }),
        onChange: () => undefined,
        close: async () => undefined,
      },
      configuration: {
        current: () => ({ configuration: this.configuration, problems: [], pipes: [] }),
        refresh: async () => undefined,
        onChange: () => undefined,
        close: async () => undefined,
      },
      bus: this.bus,
      ...(options.managers && { managers: options.managers }),
      rule: 'vacua',
      random: () => 0.5,
      newId: () => machineId(`00000000-0000-4000-8000-${(drawn += 1).toString(16).padStart(12, '0')}`),
      steps: options.steps ?? noSteps,
    });
  }

  /** Lets time pass, then a turn and all that it begins. */
  async after(wait: Seconds | number): Promise<Decision> {
    if (this.#clock instanceof ManualClock) this.#clock.advance(wait);
    const decision = await this.loop.turn();
    await this.loop.idle();
    return decision;
  }

  machines(state?: Machine['state']): readonly Machine[] {
    return this.journal.machines().filter((m) => state === undefined || m.state === state);
  }

  /** As SIGKILL would: the journal stays, for a new manager with the same directory. */
  kill(): void {
    if (this.#dead) return;
    this.#dead = true;
    void this.provider.close();
    this.journal.close();
  }

  remove(): void {
    this.kill();
    rmSync(this.stateDir, { recursive: true });
  }
}

/** A cloud and one manager. */
export function cloudSite(
  configuration: Configuration,
  cloud: Omit<SimCloudOptions, 'clock'> = {},
): { readonly clock: ManualClock; readonly cloud: SimCloud; readonly manager: CloudManager } {
  const clock = new ManualClock();
  const made = new SimCloud({ clock, ...cloud });
  return { clock, cloud: made, manager: new CloudManager(made, clock, { configuration }) };
}
