import { environmentStates } from './environment.ts';

/** How a property is written: a list of texts is `texts`, a whole number a `count`. */
export type PropertyKind = 'text' | 'texts' | 'count' | 'real' | 'flag';

export interface Property {
  readonly kind: PropertyKind;
  readonly mandatory?: true;
  /** The only values. */
  readonly words?: readonly string[];
  /** In LDAP it has the name of the base class: `GLUE2ManagerProductName`. */
  readonly inherited?: true;
}

/** Relation to other entities: an association in JSON, foreign keys in LDAP, where there are none for some. */
export interface Link {
  /** Class in the id of what it leads to. */
  readonly to: string;
  readonly many: boolean;
  readonly mandatory: boolean;
  readonly keys: readonly string[];
}

export interface ClassRow {
  /** Class that it is derived from in LDAP and that gives its id a name; absent: it stands alone. */
  readonly base?: string;
  /** Between the two above each other, `GLUE2Policy` for instance has no properties in JSON. */
  readonly properties: Readonly<Record<string, Property>>;
  readonly links: Readonly<Record<string, Link>>;
  /** What makes ids in LDAP different from those of other classes. */
  readonly suffix: string;
}

const text = { kind: 'text' } as const;
const texts = { kind: 'texts' } as const;
const count = { kind: 'count' } as const;
const real = { kind: 'real' } as const;
const flag = { kind: 'flag' } as const;
const oneOf = <const W extends readonly string[]>(...words: W) => ({ kind: 'text', words }) as const;
const must = <const R extends object>(row: R): R & { readonly mandatory: true } => ({ ...row, mandatory: true });
const all = <const R, const N extends string>(row: R, ...names: readonly N[]): { readonly [P in N]: R } =>
  Object.fromEntries(names.map((name) => [name, row])) as { readonly [P in N]: R };
/** Rows whose names in LDAP are those of the base class. */
const inherited = <const R extends Readonly<Record<string, object>>>(rows: R): { readonly [P in keyof R]: R[P] & { readonly inherited: true } } =>
  Object.fromEntries(Object.entries(rows).map(([name, row]) => [name, { ...row, inherited: true }])) as {
    readonly [P in keyof R]: R[P] & { readonly inherited: true };
  };
const one = (to: string, ...keys: readonly string[]): Link => ({ to, many: false, mandatory: false, keys });
const some = (to: string, ...keys: readonly string[]): Link => ({ to, many: true, mandatory: false, keys });

const qualityLevel = oneOf('production', 'pre-production', 'testing', 'development');
export const servingStates = ['production', 'draining', 'queueing', 'closed'] as const;
const jobCounts = all(count, 'TotalJobs', 'RunningJobs', 'WaitingJobs', 'StagingJobs', 'SuspendedJobs', 'PreLRMSWaitingJobs');
const policy = inherited({ Scheme: must(oneOf('basic')), Rule: must(texts) });
const userDomain = some('UserDomain', 'GLUE2PolicyUserDomainForeignKey');

/** Classes of GLUE 2 with all their properties (spec/environments.md §4.3), and their names in LDAP (§4.6). */
export const glue2Classes = {
  ComputingService: {
    base: 'Service',
    suffix: '',
    properties: { ...inherited({ Type: must(text), QualityLevel: must(qualityLevel), Capability: texts, StatusInfo: texts, Complexity: text }), ...jobCounts },
    links: { ContactID: must(some('Contact')), LocationID: must(one('Location')), ServiceID: must(some('Service')) },
  },
  ComputingEndpoint: {
    base: 'Endpoint',
    suffix: '_endpoint',
    properties: {
      ...inherited({
        ...all(text, 'URL', 'Technology', 'Implementor', 'ImplementationName', 'ImplementationVersion', 'StartTime'),
        ...all(text, 'IssuerCA', 'DowntimeStart', 'DowntimeEnd', 'DowntimeInfo'),
        ...all(texts, 'InterfaceVersion', 'TrustedCA'),
        InterfaceName: must(text),
        QualityLevel: must(qualityLevel),
        HealthState: must(oneOf('ok', 'warning', 'critical', 'unknown', 'other')),
        ServingState: must(oneOf(...servingStates)),
      }),
      Staging: oneOf('none', 'stagingin', 'stagingout', 'staginginout'),
      JobDescription: texts,
    },
    links: {
      ServiceID: must(one('ComputingService', 'GLUE2EndpointServiceForeignKey', 'GLUE2ComputingEndpointComputingServiceForeignKey')),
      ShareID: must(some('ComputingShare')),
    },
  },
  ComputingShare: {
    base: 'Share',
    suffix: '',
    properties: {
      ...inherited({ Description: text }),
      ServingState: must(oneOf(...servingStates)),
      ...all(text, 'MappingQueue', 'FreeSlotsWithDuration', 'SchedulingPolicy', 'DefaultStorageService'),
      ...all(count, 'MaxWallTime', 'MaxMultiSlotWallTime', 'DefaultWallTime', 'MaxCPUTime', 'MaxTotalCPUTime', 'MinCPUTime', 'DefaultCPUTime'),
      ...all(count, 'EstimatedAverageWaitingTime', 'EstimatedWorstWaitingTime', 'MaxTotalJobs', 'MaxRunningJobs', 'MaxWaitingJobs'),
      ...all(count, 'MaxPreLRMSWaitingJobs', 'MaxUserRunningJobs', 'MaxSlotsPerJob', 'MaxStageInStreams', 'MaxStageOutStreams'),
      ...jobCounts,
      ...all(count, 'LocalRunningJobs', 'LocalWaitingJobs', 'LocalSuspendedJobs', 'FreeSlots', 'UsedSlots', 'RequestedSlots'),
      ...all(count, 'MaxMainMemory', 'GuaranteedMainMemory', 'MaxVirtualMemory', 'GuaranteedVirtualMemory', 'MaxDiskSpace'),
      Preemption: flag,
      ReservationPolicy: oneOf('none', 'optional', 'mandatory'),
      Tag: texts,
    },
    links: {
      EndpointID: some('ComputingEndpoint', 'GLUE2ShareEndpointForeignKey', 'GLUE2ComputingShareComputingEndpointForeignKey'),
      ResourceID: must(some('ExecutionEnvironment', 'GLUE2ShareResourceForeignKey', 'GLUE2ComputingShareExecutionEnvironmentForeignKey')),
      ServiceID: must(one('ComputingService', 'GLUE2ShareServiceForeignKey', 'GLUE2ComputingShareComputingServiceForeignKey')),
      ActivityID: some('ComputingActivity'),
      MappingPolicyID: some('MappingPolicy'),
    },
  },
  ComputingManager: {
    base: 'Manager',
    suffix: '_manager',
    properties: {
      ...inherited({ ProductName: must(text), ProductVersion: text }),
      ...all(flag, 'Reservation', 'BulkSubmission', 'Homogeneous', 'WorkingAreaShared', 'WorkingAreaGuaranteed'),
      ...all(count, 'TotalPhysicalCPUs', 'TotalLogicalCPUs', 'TotalSlots', 'SlotsUsedByLocalJobs', 'SlotsUsedByGridJobs'),
      ...all(count, 'WorkingAreaTotal', 'WorkingAreaFree', 'WorkingAreaLifeTime', 'CacheTotal', 'CacheFree'),
      ...all(count, 'WorkingAreaMultiSlotTotal', 'WorkingAreaMultiSlotFree', 'WorkingAreaMultiSlotLifeTime'),
      ...all(text, 'LogicalCPUDistribution', 'TmpDir', 'ScratchDir', 'ApplicationDir'),
      NetworkInfo: texts,
    },
    links: {
      ServiceID: must(one('ComputingService', 'GLUE2ManagerServiceForeignKey', 'GLUE2ComputingManagerComputingServiceForeignKey')),
      ResourceID: must(some('ExecutionEnvironment')),
      ApplicationEnvironmentID: some('ApplicationEnvironment'),
      BenchmarkID: some('Benchmark'),
    },
  },
  ExecutionEnvironment: {
    base: 'Resource',
    suffix: '_env',
    properties: {
      ...all(must(text), 'Platform', 'OSFamily'),
      ...all(must(flag), 'ConnectivityIn', 'ConnectivityOut'),
      MainMemorySize: must(count),
      VirtualMachine: flag,
      ...all(count, 'TotalInstances', 'UsedInstances', 'UnavailableInstances', 'PhysicalCPUs', 'LogicalCPUs', 'CPUClockSpeed', 'VirtualMemorySize'),
      ...all(text, 'CPUMultiplicity', 'CPUVendor', 'CPUModel', 'CPUVersion', 'OSName', 'OSVersion'),
      ...all(real, 'CPUTimeScalingFactor', 'WallTimeScalingFactor'),
      NetworkInfo: texts,
    },
    links: {
      ManagerID: must(one('ComputingManager', 'GLUE2ResourceManagerForeignKey', 'GLUE2ExecutionEnvironmentComputingManagerForeignKey')),
      ShareID: some('ComputingShare'),
      ApplicationEnvironmentID: some('ApplicationEnvironment'),
      BenchmarkID: some('Benchmark'),
    },
  },
  ApplicationEnvironment: {
    suffix: '',
    properties: {
      AppName: must(text),
      ...all(text, 'AppVersion', 'RemovalDate', 'Description'),
      State: oneOf(...environmentStates),
      License: oneOf('opensource', 'commercial', 'unknown'),
      BestBenchmark: texts,
      ParallelSupport: oneOf('none', 'mpi', 'openmp'),
      ...all(count, 'MaxSlots', 'MaxJobs', 'MaxUserSeats', 'FreeSlots', 'FreeJobs', 'FreeUserSeats'),
    },
    links: {
      ComputingManagerID: must(one('ComputingManager', 'GLUE2ApplicationEnvironmentComputingManagerForeignKey')),
      ExecutionEnvironmentID: must(some('ExecutionEnvironment', 'GLUE2ApplicationEnvironmentExecutionEnvironmentForeignKey')),
      ApplicationHandleID: some('ApplicationHandle'),
    },
  },
  ApplicationHandle: {
    suffix: '_handle',
    properties: all(must(text), 'Type', 'Value'),
    links: { ApplicationEnvironmentID: must(one('ApplicationEnvironment', 'GLUE2ApplicationHandleApplicationEnvironmentForeignKey')) },
  },
  AccessPolicy: {
    base: 'Policy',
    suffix: '_access',
    properties: policy,
    links: { EndpointID: must(some('ComputingEndpoint', 'GLUE2AccessPolicyEndpointForeignKey')), UserDomainID: userDomain },
  },
  MappingPolicy: {
    base: 'Policy',
    suffix: '_mapping',
    properties: policy,
    links: { ShareID: must(some('ComputingShare', 'GLUE2MappingPolicyShareForeignKey')), UserDomainID: userDomain },
  },
} as const satisfies Readonly<Record<string, ClassRow>>;

export type Glue2Class = keyof typeof glue2Classes;

export const glue2ClassNames = Object.keys(glue2Classes) as readonly Glue2Class[];
/** The table with its rows as they are read by renderings, whatever the class. */
export const rowOf = (name: Glue2Class): ClassRow => glue2Classes[name];

interface Values {
  readonly text: string;
  readonly texts: readonly string[];
  readonly count: number;
  readonly real: number;
  readonly flag: boolean;
}
export type PropertyValue = Values[PropertyKind];

interface EntityOf<C extends Glue2Class> {
  readonly class: C;
  /** Unique in its class: `sl6-grid.ce1.example.org`. Ids of the renderings are made from it. */
  readonly name: string;
  readonly properties: {
    readonly [P in keyof (typeof glue2Classes)[C]['properties']]?: (typeof glue2Classes)[C]['properties'][P] extends {
      readonly kind: infer K extends PropertyKind;
    }
      ? Values[K]
      : never;
  };
  /** Names of the entities that it leads to, each of the class that the table says. */
  readonly links: { readonly [L in keyof (typeof glue2Classes)[C]['links']]?: readonly string[] };
}
export type Entity = { [C in Glue2Class]: EntityOf<C> }[Glue2Class];
