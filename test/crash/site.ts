import type { GuestReport, Machine } from '../../src/core/machine.ts';
import type { Machinetype } from '../../src/core/machinetype.ts';
import { neutralMachinetype, neutralSettings } from '../../src/core/situation/neutral.ts';
import type { Configuration, Settings } from '../../src/core/settings.ts';
import { type Instant, instant, later, type MachineId, type Seconds, seconds } from '../../src/core/units.ts';
import type { GuestService } from '../../src/factory/parts.ts';
import type { MachineOrder } from '../../src/providers/contract.ts';
import { seeded, seedOf } from '../../src/providers/sim/script.ts';
import type { SimEvent } from '../../src/providers/sim/world.ts';
import type { Clock } from '../../src/factory/clock.ts';

/** The small site on which crash schedules are played: its configuration and its tenants' guests. */

export const processors = 6;
export const factoryName = 'host.example.com';
const lifetime = 400;
const shortestLifetime = 250;

export function siteConfiguration(about: { readonly superslots: boolean; readonly draining: boolean; readonly stateDir: string }): Configuration {
  const settings: Settings = {
    ...neutralSettings,
    space: 'crash.example.com',
    factories: [factoryName],
    totalProcessors: processors,
    processorsPerSuperslot: about.superslots ? 2 : 1,
    mbPerProcessor: 64,
    overloadPerProcessor: 1.25,
    udpTimeout: seconds(10),
    draining: about.draining,
    rootPublicKey: '/nonexistent',
    fixNetworking: false,
    versionLogger: 0,
    vacmonHostports: [],
    machinefeaturesOptions: new Map(),
    userDataOptions: new Map(),
    userDataFiles: new Map(),
    factoryName,
    provider: 'sim',
    stateDir: about.stateDir,
    cycle: seconds(60),
    startRatePerMinute: 60,
    bootConcurrency: 6,
    grace: seconds(60),
    groupShare: 'sum',
    minFreeDiskBytes: 0,
    joboutputsMaxBytes: 1e6,
    joboutputsMaxFiles: 10,
    consoleMaxBytes: 4096,
    hostServices: [],
    outbound: false,
    userDataFallback: true,
    oldFeatureNames: true,
    accelerator: 'auto',
    network: 'auto',
    caDir: '/nonexistent',
  };
  const types = [machinetype('red', 3, {}), machinetype('blue', 1, { heartbeatFile: 'heartbeat', heartbeat: seconds(120) })];
  if (about.superslots) types.push(machinetype('wide', 2, { minProcessors: 2, maxProcessors: 2 }));
  return { settings, machinetypes: new Map(types.map((t) => [t.name, t])), pipes: [], digest: String(about.draining) };
}

function machinetype(name: string, targetShare: number, about: Partial<Machinetype>): Machinetype {
  return {
    ...neutralMachinetype,
    name,
    targetShare,
    machinegroup: name,
    model: 'kernel',
    rootImage: '/dev/null',
    maxWallclock: seconds(lifetime),
    minWallclock: seconds(shortestLifetime),
    backoff: seconds(30),
    fizzle: seconds(20),
    machinesDirDays: 0.003,
    filesDir: '/nonexistent',
    origin: 'test',
    ...about,
  };
}

export const leastLifetime = (superslots: boolean): number => (superslots ? shortestLifetime : lifetime);

/** What a guest does is drawn from its id, so that every process that asks gets the same answer. */
function guestOf(id: MachineId): { readonly message: string | undefined; readonly silentFrom: number | undefined } {
  const random = seeded(seedOf(id));
  const draw = random();
  return {
    message: draw < 0.6 ? '200 Success' : draw < 0.8 ? '300 Nothing to do' : undefined,
    silentFrom: random() < 0.15 ? random() * 300 : undefined,
  };
}

export const silentFrom = (order: Pick<MachineOrder, 'id' | 'machinetype'>): number | undefined =>
  order.machinetype === 'blue' ? guestOf(order.id).silentFrom : undefined;

interface Life {
  readonly order: MachineOrder;
  readonly accepted: number;
  readonly boot: number;
  readonly over?: number;
}

/** What the guests have written, worked out from the world's history: it outlives every daemon, as files do. */
export class GuestFiles {
  readonly #lives = new Map<MachineId, Life>();

  follow(event: SimEvent): void {
    if (event.kind === 'accepted') return void this.#lives.set(event.order.id, { order: event.order, accepted: event.up, boot: event.up + event.plan.boot });
    const life = this.#lives.get(event.id);
    if (life !== undefined && event.kind !== 'asked' && life.over === undefined) this.#lives.set(event.id, { ...life, over: event.up });
  }

  report(id: MachineId, clock: Clock): GuestReport {
    const life = this.#lives.get(id);
    const now = clock.uptime();
    if (life === undefined || Math.min(now, life.over ?? now) < life.boot) return {};
    const at = (up: number): Instant => instant(clock.wall() - (now - up) * 1000);
    const { message } = guestOf(id);
    const silent = silentFrom(life.order);
    const beat = Math.min(now, life.over ?? now, silent === undefined ? now : life.accepted + silent);
    return {
      contactAt: at(life.boot),
      ...(life.order.machinetype === 'blue' && beat >= life.boot ? { heartbeatFileAt: at(beat) } : {}),
      ...(life.over !== undefined && message !== undefined ? { message: { text: message, at: at(life.over) } } : {}),
    };
  }
}

/** A guest service that answers from those files at once. */
export class FileGuests implements GuestService {
  readonly #files: GuestFiles;
  readonly #clock: Clock;
  #since: Instant;
  constructor(files: GuestFiles, clock: Clock) {
    this.#files = files;
    this.#clock = clock;
    this.#since = clock.wall();
  }
  get since(): Instant {
    return this.#since;
  }
  async attach(_machine: Machine): Promise<void> {}
  async detach(_id: MachineId): Promise<void> {}
  report(id: MachineId): GuestReport {
    return this.#files.report(id, this.#clock);
  }
  update(_machine: Machine): void {}
  shift(by: Seconds): void {
    this.#since = later(this.#since, by);
  }
  async close(): Promise<void> {}
}
