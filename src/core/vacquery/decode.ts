import type { FactoryFacts, MachinetypeFacts, SlotFacts } from '../space/types.ts';
import { type Instant, instant } from '../units.ts';
import { BadField, FieldReader } from './fields.ts';
import { at, type JsonObject } from './json.ts';
import { hs06PerClaim, machinesPerClaim, machinetypesPerFactory, replyBytes, slotsPerFactory } from './limits.ts';
import { cleanLine, cleanMessage } from './text.ts';

interface Envelope {
  readonly factory: string;
  readonly space: string;
  /** Compared before anything else is used (spec/vacquery.md §5). */
  readonly cookie: unknown;
  /** Product, version and component of the sender, printable. */
  readonly version: string;
  /** Fields whose value cannot be true and was cut. */
  readonly lies: readonly string[];
}

/** A status message with its times on our clock. `of`: how many of its kind its sender has. */
export type Status = Envelope &
  (
    | { readonly kind: 'machinetypes'; readonly of: number; readonly item: string; readonly facts: MachinetypeFacts }
    | { readonly kind: 'machines'; readonly of: number; readonly item: string; readonly facts: SlotFacts }
    | { readonly kind: 'factories'; readonly of: 1; readonly item: string; readonly facts: FactoryFacts }
  );
export type StatusKind = Status['kind'];

const kinds: Readonly<Record<string, StatusKind>> = {
  machinetype_status: 'machinetypes',
  machine_status: 'machines',
  factory_status: 'factories',
};

/** Undefined: not a status message. */
export function statusKind(object: JsonObject): StatusKind | undefined {
  const type = at(object, 'message_type');
  return typeof type === 'string' && Object.hasOwn(kinds, type) ? kinds[type] : undefined;
}

/** Reads a status message as spec/vacquery.md §13 wants it: tolerant of what is missing or old, strict on types. Never throws. */
export function readStatus(kind: StatusKind, object: JsonObject, receivedAt: Instant, bytes = 0): Status | { readonly wrong: string } {
  if (bytes > replyBytes) return { wrong: 'longer than a message may be' };
  const read = new FieldReader(object, receivedAt);
  try {
    const envelope = {
      factory: read.name('factory'),
      space: read.name('space'),
      cookie: at(object, 'cookie'),
      version: cleanLine(read.text('daemon_version', 'vac_version') ?? '', 80) ?? '',
    };
    const content = contents[kind](read, receivedAt, object, envelope.factory);
    return { ...envelope, ...content, lies: read.lies } as Status;
  } catch (error) {
    if (error instanceof BadField) return { wrong: error.message };
    throw error;
  }
}

const contents = {
  machinetypes: (read: FieldReader) => {
    const of = read.whole(machinetypesPerFactory, 'num_machinetypes');
    const facts = machinetype(read);
    return { kind: 'machinetypes', of, item: facts.machinetype, facts } as const;
  },
  machines: (read: FieldReader) => {
    const of = read.whole(slotsPerFactory, 'num_machines', 'total_machines');
    const facts = slot(read);
    return { kind: 'machines', of, item: facts.machine, facts } as const;
  },
  factories: (read: FieldReader, receivedAt: Instant, object: JsonObject, name: string) =>
    ({ kind: 'factories', of: 1, item: name, facts: factory(read, receivedAt, object) }) as const,
};

const present = <K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } =>
  value === undefined ? {} : ({ [key]: value } as { readonly [P in K]: V });

function machinetype(read: FieldReader): MachinetypeFacts {
  const max = read.number(machinesPerClaim, 'max_processors') ?? 1;
  const wallclock = read.seconds('max_wallclock_seconds', 0);
  return {
    machinetype: read.name('machinetype'),
    ...present('fqan', shown(read.text('fqan'))),
    runningHs06: read.required(hs06PerClaim, 'running_hs06', 'total_hs06'),
    runningMachines: read.number(machinesPerClaim, 'running_machines', 'total_machines') ?? 0,
    runningProcessors: read.number(machinesPerClaim, 'running_processors', 'running_cpus') ?? 0,
    numBeforeFizzle: read.required(machinesPerClaim, 'num_before_fizzle'),
    ...shutdown(read),
    ...present('shutdownMachine', shown(read.text('shutdown_machine'))),
    bytesPerProcessor: read.number(2 ** 50, 'bytes_per_processor') ?? 0,
    minWallclock: read.seconds('min_wallclock_seconds', wallclock),
    maxWallclock: wallclock,
    minProcessors: read.number(machinesPerClaim, 'min_processors') ?? 1,
    maxProcessors: max,
    ...present('usage', read.number(1e12, 'vacua_usage')),
  };
}

const states: Readonly<Record<string, SlotFacts['state']>> = { 'Shut down': 'Shut down', Starting: 'Starting', Running: 'Running', Paused: 'Paused' };

function slot(read: FieldReader): SlotFacts {
  return {
    machine: read.name('machine'),
    state: states[read.text('state') ?? ''] ?? 'Shut down',
    ...present('machineModel', shown(read.text('machine_model'))),
    ...present('uuid', shown(read.text('uuid'))),
    ...present('machinetype', read.optionalName('machinetype')),
    ...present('fqan', shown(read.text('fqan'))),
    ...present('createdAt', read.past('created_time')),
    ...present('startedAt', read.past('started_time')),
    ...present('heartbeatAt', read.past('heartbeat_time')),
    processors: read.number(machinesPerClaim, 'num_processors', 'num_cpus') ?? 0,
    cpuSeconds: read.seconds('cpu_seconds', 0),
    cpuPercent: read.number(100 * machinesPerClaim, 'cpu_percentage') ?? 0,
    hs06: read.number(hs06PerClaim, 'hs06') ?? 0,
    ...shutdown(read),
  };
}

function factory(read: FieldReader, receivedAt: Instant, object: JsonObject): FactoryFacts {
  const n = (...names: readonly [string, ...string[]]): number => read.number(Number.MAX_SAFE_INTEGER, ...names) ?? 0;
  const processors = (...names: readonly [string, ...string[]]): number => read.number(machinesPerClaim, ...names) ?? 0;
  // 0 says unknown, which stays 0 (spec/vacquery.md §6.2).
  const time = (key: string): Instant => (at(object, key) === 0 ? instant(0) : (read.past(key) ?? instant(0)));
  const line = (key: string): string => cleanLine(read.text(key) ?? '', 80) ?? '';
  return {
    site: line('site'),
    daemonVersion: cleanLine(read.text('daemon_version', 'vac_version') ?? '', 80) ?? '',
    runningProcessors: processors('running_processors', 'running_cpus'),
    runningMachines: processors('running_machines'),
    runningHs06: read.number(hs06PerClaim, 'running_hs06') ?? 0,
    maxProcessors: processors('max_processors', 'max_cpus', 'total_cpus'),
    maxMachines: processors('max_machines', 'total_machines'),
    maxHs06: read.number(hs06PerClaim, 'max_hs06', 'total_hs06') ?? 0,
    loadAverage15: n('load_average'),
    rootDiskAvailKb: n('root_disk_avail_kb'),
    rootDiskAvailInodes: n('root_disk_avail_inodes'),
    daemonDiskAvailKb: n('daemon_disk_avail_kb', 'vac_disk_avail_kb'),
    daemonDiskAvailInodes: n('daemon_disk_avail_inodes', 'vac_disk_avail_inodes'),
    kernelVersion: line('kernel_version'),
    osIssue: line('os_issue'),
    bootTime: time('boot_time'),
    factoryHeartbeat: time('factory_heartbeat_time'),
    responderHeartbeat: time('responder_heartbeat_time'),
    mjfHeartbeat: time('mjf_heartbeat_time'),
    metadataHeartbeat: time('metadata_heartbeat_time'),
    swapUsedKb: n('swap_used_kb'),
    swapFreeKb: n('swap_free_kb'),
    memUsedKb: n('mem_used_kb'),
    memTotalKb: n('mem_total_kb'),
  };
}

const shown = (text: string | undefined): string | undefined => (text === undefined ? undefined : cleanLine(text, 255));

function shutdown(read: FieldReader): Pick<MachinetypeFacts, 'shutdownMessage' | 'shutdownAt'> {
  const text = read.text('shutdown_message');
  return { ...present('shutdownMessage', text === undefined ? undefined : cleanMessage(text)), ...present('shutdownAt', read.past('shutdown_time')) };
}
