import type { Machinetype } from '../machinetype.ts';
import type { Settings } from '../settings.ts';
import { seconds } from '../units.ts';

/** Name of the deciding factory where a situation gives none. */
export const thisFactory = 'this-factory';

/** Settings of a situation: what decides has the documented default, everything else a value without effect. */
export const neutralSettings: Settings = {
  space: 'situation',
  factories: [],
  processorsPerSuperslot: 1,
  mbPerProcessor: 2048,
  overloadPerProcessor: 1.25,
  udpTimeout: seconds(10),
  draining: false,
  rootPublicKey: '',
  fixNetworking: false,
  versionLogger: 0,
  vacmonHostports: [],
  machinefeaturesOptions: new Map(),
  userDataOptions: new Map(),
  userDataFiles: new Map(),
  factoryName: thisFactory,
  provider: 'sim',
  stateDir: '',
  cycle: seconds(60),
  startRatePerMinute: Number.MAX_SAFE_INTEGER,
  bootConcurrency: Number.MAX_SAFE_INTEGER,
  grace: seconds(0),
  groupShare: 'sum',
  minFreeDiskBytes: 0,
  joboutputsMaxBytes: 0,
  joboutputsMaxFiles: 0,
  consoleMaxBytes: 0,
  hostServices: [],
  outbound: true,
  userDataFallback: false,
  oldFeatureNames: true,
  accelerator: 'auto',
  network: 'auto',
  caDir: '',
};

/** A machinetype with the documented defaults (spec/factory.md §3.3). */
export const neutralMachinetype: Machinetype = {
  name: '',
  targetShare: 0,
  machinegroup: '',
  model: 'cernvm3',
  kernelArguments: '',
  rootDevice: 'vda',
  scratchDevice: 'vdb',
  userDataOptions: new Map(),
  userDataFiles: new Map(),
  userDataProxy: false,
  legacyProxy: false,
  containerCommand: '/user_data',
  cvmfsRepositories: [],
  tmpBinds: [],
  minProcessors: 1,
  maxProcessors: 1,
  maxWallclock: seconds(86_400),
  minWallclock: seconds(86_400),
  backoff: seconds(10),
  fizzle: seconds(600),
  heartbeat: seconds(0),
  machinesDirDays: 3,
  announceLifetimeAsShutdown: false,
  filesDir: '',
  origin: 'situation',
};
