import { existsSync } from 'node:fs';
import { explain } from '../core/explain.ts';
import { type MachineId, type Seconds, seconds } from '../core/units.ts';
import { SystemClock } from '../factory/clock.ts';
import { FileConfigurationSource } from '../factory/config/source.ts';
import { hostEnvironment } from '../factory/config/host-environment.ts';
import { startFactory } from '../factory/daemon.ts';
import { EventBus, type Listener } from '../factory/events.ts';
import { systemHost } from '../factory/host.ts';
import { fetchLimited } from '../factory/http-fetch.ts';
import { layout } from '../factory/layout.ts';
import type { FactoryView } from '../factory/view.ts';
import type { Provider } from '../providers/contract.ts';
import { QemuProvider } from '../providers/qemu/index.ts';
import { SimProvider } from '../providers/sim/provider.ts';
import { SimWorld } from '../providers/sim/world.ts';
import { machineProcesses } from './machine-processes.ts';
import { agentGuest } from './sim-guest.ts';

/** What the demonstration needs of the rest of the program. Tests hand in others. */
export interface DemoParts {
  startFactory(order: FactoryOrder): Promise<DemoFactory>;
  /** Ends every real machine of a state directory by force, whether or not a factory ever ran there. */
  removeMachines(stateDir: string): Promise<void>;
  /** Stops a machine as a hanging guest would be, by its id. */
  freeze(machine: string): void;
  /** The last decision in words, one line per machinetype; empty before the first. */
  explain(view: FactoryView): readonly string[];
}

export interface FactoryOrder {
  readonly configFile: string;
  /** As in the configuration file. */
  readonly stateDir: string;
  readonly provider: 'qemu' | 'sim';
  /** That the host is taken to have, whatever it has. */
  readonly processors: number;
  /** Hear everything from the first event on. */
  readonly listeners: readonly Listener[];
  /** Told how long the provider took to accept a machine. */
  readonly accepted: (id: MachineId, took: Seconds) => void;
}

export interface DemoFactory {
  readonly view: FactoryView;
  stop(): Promise<void>;
}

/** A simulated boot takes this long, and a simulated job `work` milliseconds. */
const simulatedBoot = seconds(0.2);
const work = 120;

function simulated(): Provider {
  const clock = new SystemClock();
  return new SimProvider(() => new SimWorld({ clock, guest: agentGuest(work), script: { plan: () => ({ boot: simulatedBoot }) } }));
}

const real = (stateDir: string): Provider => new QemuProvider({ stateDir, accelerator: 'auto', network: 'auto' });

/** The same provider, with a watch on its creations. */
function timed(provider: Provider, accepted: FactoryOrder['accepted']): Provider {
  const create = provider.create.bind(provider);
  provider.create = async (order, signal) => {
    const began = performance.now();
    await create(order, signal);
    accepted(order.id, seconds((performance.now() - began) / 1000));
  };
  return provider;
}

export const realParts: DemoParts = {
  async startFactory({ configFile, stateDir, provider, processors, listeners, accepted }) {
    const bus = new EventBus();
    for (const listener of listeners) bus.subscribe(listener);
    return startFactory({
      configuration: new FileConfigurationSource({
        places: { files: [configFile] },
        environment: { ...hostEnvironment(), processors },
        clock: new SystemClock(),
        fetch: fetchLimited,
      }),
      host: systemHost(processors),
      bus,
      provider: timed(provider === 'sim' ? simulated() : real(stateDir), accepted),
    });
  },
  async removeMachines(stateDir) {
    if (!existsSync(layout(stateDir).machines)) return;
    const provider = real(stateDir);
    const signal = AbortSignal.timeout(60_000);
    const { sightings } = await provider.list(signal);
    await Promise.all(sightings.map(({ id }) => provider.destroy(id, signal)));
    await provider.close();
  },
  freeze(machine) {
    for (const pid of machineProcesses(machine)) process.kill(pid, 'SIGSTOP');
  },
  explain(view) {
    const turn = view.lastTurn();
    const { configuration } = view.configuration();
    return turn === undefined || configuration === undefined ? [] : explain(turn.decision, turn.observed, configuration);
  },
};
