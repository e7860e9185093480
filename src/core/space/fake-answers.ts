import { instant, later, seconds } from '../units.ts';
import type { FactoryAnswer } from './census.ts';
import type { FactoryFacts, MachinetypeFacts, SlotFacts } from './types.ts';

/** Answers of scripted factories, for tests and bug reports. Times are relative to this moment. */
export const fakeSpaceNow = instant(Date.UTC(2026, 10, 20, 11, 0, 0));
const ago = (s: number) => later(fakeSpaceNow, -s);

export const fakeFactoryFacts: FactoryFacts = {
  site: 'EXAMPLE-SITE',
  daemonVersion: 'Vacua 0.1.0',
  runningProcessors: 6,
  runningMachines: 5,
  runningHs06: 60,
  maxProcessors: 8,
  maxMachines: 8,
  maxHs06: 80,
  loadAverage15: 5.21,
  rootDiskAvailKb: 8_000_000,
  rootDiskAvailInodes: 100_000,
  daemonDiskAvailKb: 41_943_040,
  daemonDiskAvailInodes: 100_000,
  kernelVersion: '6.8.0',
  osIssue: 'Example Linux 9',
  bootTime: ago(86_400),
  factoryHeartbeat: ago(5),
  responderHeartbeat: ago(1),
  mjfHeartbeat: ago(5),
  metadataHeartbeat: ago(5),
  swapUsedKb: 0,
  swapFreeKb: 0,
  memUsedKb: 12_582_912,
  memTotalKb: 33_554_432,
};

export const fakeMachinetype = (machinetype: string, hs06: number, more: Partial<MachinetypeFacts> = {}): MachinetypeFacts => ({
  machinetype,
  runningHs06: hs06,
  runningMachines: Math.ceil(hs06 / 10),
  runningProcessors: Math.ceil(hs06 / 10),
  numBeforeFizzle: 0,
  bytesPerProcessor: 2 ** 31,
  minWallclock: seconds(9000),
  maxWallclock: seconds(86_400),
  minProcessors: 1,
  maxProcessors: 1,
  ...more,
});

export const emptySlot = (machine: string): SlotFacts => ({ machine, state: 'Shut down', processors: 0, cpuSeconds: seconds(0), cpuPercent: 0, hs06: 0 });

export const fakeSlots = (factory: string): readonly SlotFacts[] => {
  const [label = factory, ...domain] = factory.split('.');
  const name = (slot: number): string => [`${label}-${String(slot).padStart(2, '0')}`, ...domain].join('.');
  const common = { machinetype: 'red-prod', machineModel: 'cernvm3', processors: 1, hs06: 10, createdAt: ago(7300) };
  return [
    { machine: name(0), state: 'Running', ...common, startedAt: ago(7200), heartbeatAt: ago(60), cpuSeconds: seconds(6750), cpuPercent: 97.3 },
    { machine: name(1), state: 'Starting', ...common, createdAt: ago(100), cpuSeconds: seconds(0), cpuPercent: 0 },
    {
      machine: name(2),
      state: 'Shut down',
      ...common,
      machinetype: 'blue',
      startedAt: ago(7200),
      heartbeatAt: ago(3600),
      cpuSeconds: seconds(60),
      cpuPercent: 0,
      shutdownMessage: '300 No more work available',
      shutdownAt: ago(3600),
    },
    emptySlot(name(3)),
  ];
};

/** A factory that has answered everything, or nothing. */
export const fakeAnswer = (factory: string, answered: FactoryAnswer['answered'] = 'complete'): FactoryAnswer =>
  answered === 'silent'
    ? { factory, answered, version: '', machinetypes: [], machines: [] }
    : {
        factory,
        answered,
        version: fakeFactoryFacts.daemonVersion,
        factoryFacts: fakeFactoryFacts,
        machinetypes: [
          fakeMachinetype('red-prod', 40),
          fakeMachinetype('blue', 20, { shutdownMessage: '300 No more work available', shutdownAt: ago(3600), shutdownMachine: `${factory.split('.')[0]}-02` }),
        ],
        machines: fakeSlots(factory),
      };
