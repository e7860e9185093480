import type { MachineFacts } from '../machine.ts';
import type { Machinetype } from '../machinetype.ts';
import { instant, machineId, seconds } from '../units.ts';

/** One machine and its recipe, for the tests of what a machine is told. */
export const exampleMachine: MachineFacts = {
  id: machineId('0b1e2c3d-4f50-4a6b-8c7d-9e0f1a2b3c4d'),
  name: 'wn01-07.example.com',
  slot: 7,
  machinetype: 'vo-prod',
  machinegroup: 'vo-prod',
  model: 'vm-raw',
  processors: 4,
  memoryMb: 8192,
  hs06PerProcessor: 10.1,
  fizzle: seconds(600),
  machinesDirDays: 3,
  createdAt: instant(1_700_000_000_500),
  shutdownTime: instant(1_700_086_400_500),
  heartbeatFile: 'heartbeat',
  heartbeat: seconds(600),
};

export const exampleMachinetype: Machinetype = {
  name: 'vo-prod',
  targetShare: 1,
  machinegroup: 'vo-prod',
  model: 'vm-raw',
  rootImage: 'https://vo.example.org/disk.qcow2',
  kernelArguments: '',
  rootDevice: 'vda',
  scratchDevice: 'vdb',
  userData: 'https://vo.example.org/user_data',
  userDataOptions: new Map([['queue', 'short']]),
  userDataFiles: new Map(),
  userDataProxy: false,
  legacyProxy: false,
  containerCommand: '/user_data',
  cvmfsRepositories: [],
  tmpBinds: [],
  minProcessors: 1,
  maxProcessors: 8,
  maxWallclock: seconds(86_400),
  minWallclock: seconds(0),
  backoff: seconds(600),
  fizzle: seconds(600),
  heartbeatFile: 'heartbeat',
  heartbeat: seconds(600),
  machinesDirDays: 3,
  announceLifetimeAsShutdown: false,
  filesDir: '/nowhere/machinetypes/vo/files',
  origin: 'vac.conf:1',
};

export const exampleSettings = {
  space: 'vac01.example.com',
  factoryName: 'wn01.example.com',
  grace: seconds(7200),
  machinefeaturesOptions: new Map([['site_rack', 'b12']]),
  oldFeatureNames: true,
};
