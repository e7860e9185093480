import type { PeerStatus } from '../observed.ts';
import type { Instant, Seconds } from '../units.ts';

/** Where a datagram goes or comes from. `host` is an IPv4 address or, in simulations, any name. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export interface Datagram {
  readonly to: Endpoint;
  readonly payload: Uint8Array;
}

/** What this factory tells others, as plain facts; the codec turns them into messages (spec/vacquery.md §6). Rebuilt once per turn. */
export interface OwnStatus {
  readonly at: Instant;
  readonly factory: FactoryFacts;
  readonly machinetypes: readonly MachinetypeFacts[];
  readonly machines: readonly SlotFacts[];
}

/** spec/vacquery.md §6.2; sizes in KiB, times are ours. */
export interface FactoryFacts {
  readonly site: string;
  readonly daemonVersion: string;
  readonly runningProcessors: number;
  readonly runningMachines: number;
  readonly runningHs06: number;
  readonly maxProcessors: number;
  readonly maxMachines: number;
  readonly maxHs06: number;
  readonly loadAverage15: number;
  readonly rootDiskAvailKb: number;
  readonly rootDiskAvailInodes: number;
  readonly daemonDiskAvailKb: number;
  readonly daemonDiskAvailInodes: number;
  readonly kernelVersion: string;
  readonly osIssue: string;
  readonly bootTime: Instant;
  readonly factoryHeartbeat: Instant;
  readonly responderHeartbeat: Instant;
  readonly mjfHeartbeat: Instant;
  readonly metadataHeartbeat: Instant;
  readonly swapUsedKb: number;
  readonly swapFreeKb: number;
  readonly memUsedKb: number;
  readonly memTotalKb: number;
}

/** spec/vacquery.md §6.3. */
export interface MachinetypeFacts {
  readonly machinetype: string;
  readonly fqan?: string;
  readonly runningHs06: number;
  readonly runningMachines: number;
  readonly runningProcessors: number;
  readonly numBeforeFizzle: number;
  readonly shutdownMessage?: string;
  readonly shutdownAt?: Instant;
  readonly shutdownMachine?: string;
  readonly bytesPerProcessor: number;
  readonly minWallclock: Seconds;
  readonly maxWallclock: Seconds;
  readonly minProcessors: number;
  readonly maxProcessors: number;
  /** Remembered usage in HS06 hours, `vacua_usage` on the wire; absent: none is kept (docs/shares.md). */
  readonly usage?: number;
}

/** spec/vacquery.md §6.4: one per slot, empty slots included. */
export interface SlotFacts {
  readonly machine: string;
  readonly state: 'Shut down' | 'Starting' | 'Running' | 'Paused';
  readonly machineModel?: string;
  readonly uuid?: string;
  readonly machinetype?: string;
  readonly fqan?: string;
  readonly createdAt?: Instant;
  readonly startedAt?: Instant;
  readonly heartbeatAt?: Instant;
  readonly processors: number;
  readonly cpuSeconds: Seconds;
  readonly cpuPercent: number;
  readonly hs06: number;
  readonly shutdownMessage?: string;
  readonly shutdownAt?: Instant;
}

/** What is known of the other factories now. Statuses older than the limit do not count and are named in `stale`. */
export interface SpaceView {
  readonly peers: readonly PeerStatus[];
  /** Asked, and not heard of for longer than the limit, or never. */
  readonly silent: readonly { readonly factory: string; readonly since: Instant }[];
}

/**
 * One factory's part in the space, without sockets or clocks (after etcd/raft): datagrams and ticks in, datagrams out. The same
 * object runs behind UDP in the daemon and behind a lossy network in the simulator. `now` is any clock that never steps back;
 * the caller moves it with `shift` when its wall clock steps.
 */
export interface SpaceMember {
  /** What this factory says from now on; with push on, returns the messages that tell the others of a change. */
  publish(own: OwnStatus, now: Instant): readonly Datagram[];
  /** Any datagram: a query is answered, a reply is believed when it fits, anything else is counted and ignored. Never throws. */
  receive(payload: Uint8Array, from: Endpoint, now: Instant): readonly Datagram[];
  /** Queries that are due. Never waits for the silent. */
  tick(now: Instant): readonly Datagram[];
  /** When `tick` has something to do next. */
  readonly nextTick: Instant;
  view(now: Instant): SpaceView;
  shift(by: Seconds): void;
}
