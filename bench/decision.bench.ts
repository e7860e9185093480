import { decide } from '../src/core/decide/decide.ts';
import type { Machine } from '../src/core/machine.ts';
import type { Machinetype } from '../src/core/machinetype.ts';
import type { Observed, PeerStatus } from '../src/core/observed.ts';
import type { Configuration } from '../src/core/settings.ts';
import { neutralMachinetype, neutralSettings } from '../src/core/situation/neutral.ts';
import { instant, later, machineId, seconds } from '../src/core/units.ts';
import { atMost, type BenchResult, median, millisecondsOf } from './result.ts';

const now = instant(Date.UTC(2030, 0, 1));
const types = 10;

/** What one turn of a factory in a large space is made of. `after`: back-offs are over, and nobody has sent a scout yet. */
function scene(peers: number, machines: number, after = false): { observed: Observed; configuration: Configuration } {
  const machinetypes = new Map<string, Machinetype>();
  for (let t = 0; t < types; t++) {
    const name = `tenant-${t}`;
    machinetypes.set(name, {
      ...neutralMachinetype,
      name,
      machinegroup: `group-${t % 5}`,
      targetShare: t + 1,
      heartbeatFile: 'heartbeat',
      heartbeat: seconds(600),
      backoff: seconds(600),
      ...(after ? { backoffMax: seconds(14_400) } : {}),
    });
  }
  const space: PeerStatus[] = [];
  for (let p = 0; p < peers; p++) {
    for (let t = 0; t < types; t++) {
      const abort = (p + t) % 7 === 0 ? { shutdownMessage: '300 No work', shutdownAt: later(now, -(700 + ((p * 31 + t) % 5000))) } : {};
      space.push({
        factory: `wn${p}.example.com`,
        machinetype: `tenant-${t}`,
        runningHs06: 64,
        runningMachines: 6,
        runningProcessors: 6,
        numBeforeFizzle: !after && p % 50 === 0 ? 1 : 0,
        ...abort,
      });
    }
  }
  const own: Machine[] = [];
  for (let i = 0; i < machines; i++) {
    const startedAt = later(now, -(1000 + i * 60));
    own.push({
      id: machineId(`00000000-0000-4000-8000-${String(i).padStart(12, '0')}`),
      name: `wn-${i}`,
      slot: i,
      machinetype: `tenant-${i % types}`,
      machinegroup: `group-${i % 5}`,
      model: 'cernvm3',
      processors: 1,
      memoryMb: 2048,
      fizzle: seconds(600),
      machinesDirDays: 3,
      createdAt: startedAt,
      shutdownTime: later(startedAt, 86_400),
      contactAt: startedAt,
      heartbeatFileAt: later(now, -60),
      state: 'running',
      startedAt,
      heartbeatAt: later(now, -60),
      cpuSeconds: seconds(500),
    });
  }
  const observed: Observed = {
    now,
    host: { factory: 'own.example.com', processors: Math.max(64, machines + 4), load: 1 },
    machines: own,
    listing: { state: 'complete', at: now, sightings: own.map(({ id }) => ({ id, power: 'running' })), foreignProcessors: 0 },
    inFlight: new Set(),
    space,
    silent: [],
    preparations: new Map(),
    creationFailures: new Map(),
    guestServiceSince: later(now, -100_000),
    recentStarts: [],
  };
  return { observed, configuration: { settings: { ...neutralSettings, bootConcurrency: 4, startRatePerMinute: 30 }, machinetypes, pipes: [], digest: '' } };
}

const random = (): number => 0.5;

/** Decisions in a large space and on a large host, each turn starting up to four machines (docs/benchmarks.md). */
export async function run(): Promise<BenchResult[]> {
  const space = scene(1000, 64);
  const host = scene(0, 200);
  const elections = scene(1000, 64, true);
  const inSpace = await millisecondsOf(() => decide(space.observed, space.configuration, random), 200, 50);
  const onHost = await millisecondsOf(() => decide(host.observed, host.configuration, random), 500, 200);
  const elected = await millisecondsOf(() => decide(elections.observed, elections.configuration, random), 200, 50);
  return [
    atMost('decision, 1,000 peers × 10 machinetypes', median(inSpace), 'ms', 1, { note: 'median; 64 own machines' }),
    atMost('decision, the same with 10 elections and ladders', median(elected), 'ms', 1, { note: 'median' }),
    atMost('decision, 200 local machines', median(onHost), 'ms', 0.2, { note: 'median' }),
  ];
}
