import type { FactoryFacts, MachinetypeFacts, OwnStatus, SlotFacts } from '../space/types.ts';
import { type Instant, unixSeconds } from '../units.ts';
import { messageBytes, protocolVersion } from './limits.ts';
import { cleanLine, cleanMessage, openObject } from './text.ts';

/** Who sends status messages, the same in all of them (spec/vacquery.md §6.1). */
export interface Sender {
  readonly space: string;
  readonly site: string;
  readonly factory: string;
  /** Product and version; the component is added. */
  readonly version: string;
  readonly component: 'vacd-responder' | 'vacd-factory';
}

/** Room for what is added at the end of every message: cookie of 64 digits, time_sent, and with a key its fingerprint, nonce and MAC. */
const ending = 224;
/** Of the outcomes in an answer of the original protocol. */
const mostOutcomes = 12;

type Fields = Readonly<Record<string, unknown>>;

const common = (type: string, from: Sender): Fields => {
  const version = cleanLine(`${from.version} ${from.component}`, 48) ?? '';
  return {
    message_type: type,
    vacquery_version: protocolVersion,
    daemon_version: version,
    vac_version: version,
    space: from.space,
    site: cleanLine(from.site, 64) ?? '',
    factory: from.factory,
  };
};

const time = (at: Instant | undefined): number | null => (at === undefined ? null : unixSeconds(at));
const message = (text: string | undefined): string | null => (text === undefined ? null : (cleanMessage(text) ?? null));
const hundredths = (n: number): number => Math.round(n * 100) / 100;
const whole = (n: number): number => Math.round(n);

/** As much of the message as fits: names can be long, and what matters of a shutdown message is its beginning. */
function fitting(fields: Fields): string {
  const text = openObject(fields);
  const excess = text.length + ending - messageBytes;
  if (excess < 0) return text;
  const { fqan: _fqan, ...rest } = fields;
  const said = rest.shutdown_message;
  if (typeof said === 'string' && said.length > 40) return fitting({ ...rest, shutdown_message: said.slice(0, Math.max(40, said.length - excess - 1)) });
  return openObject(rest);
}

/** `machinetype_status` messages, one per machinetype, without cookie, time and closing brace (spec/vacquery.md §6.3). */
export const openMachinetypes = (types: readonly MachinetypeFacts[], from: Sender): string[] => types.map((t) => openMachinetype(t, types.length, from));

export function openMachinetype(t: MachinetypeFacts, of: number, from: Sender): string {
  const said = message(t.shutdownMessage);
  return fitting({
    ...common('machinetype_status', from),
    num_machinetypes: of,
    machinetype: t.machinetype,
    fqan: t.fqan === undefined ? undefined : cleanLine(t.fqan, 100),
    running_hs06: hundredths(t.runningHs06),
    running_machines: whole(t.runningMachines),
    running_processors: whole(t.runningProcessors),
    running_cpus: whole(t.runningProcessors),
    num_before_fizzle: whole(t.numBeforeFizzle),
    shutdown_message: said,
    shutdown_time: said === null || !/^\s*[+-]?[0-9]+\s*$/.test(said.slice(0, 3)) ? null : time(t.shutdownAt),
    shutdown_machine: t.shutdownMachine ?? null,
    bytes_per_processor: whole(t.bytesPerProcessor),
    min_wallclock_seconds: whole(t.minWallclock),
    max_wallclock_seconds: whole(t.maxWallclock),
    min_processors: whole(t.minProcessors),
    max_processors: whole(t.maxProcessors),
    vacua_usage: t.usage === undefined ? undefined : hundredths(t.usage),
  });
}

/** `machine_status` messages in slot order (spec/vacquery.md §6.4). */
export const openMachines = (slots: readonly SlotFacts[], from: Sender): string[] => slots.map((s) => openMachine(s, slots.length, from));

export function openMachine(s: SlotFacts, of: number, from: Sender): string {
  return fitting({
    ...common('machine_status', from),
    num_machines: of,
    machine: s.machine,
    state: s.state,
    machine_model: s.machineModel ?? null,
    uuid: s.uuid ?? null,
    machinetype: s.machinetype ?? null,
    fqan: s.fqan === undefined ? undefined : cleanLine(s.fqan, 100),
    created_time: time(s.createdAt),
    started_time: time(s.startedAt),
    heartbeat_time: time(s.heartbeatAt),
    num_processors: whole(s.processors),
    num_cpus: whole(s.processors),
    cpu_seconds: whole(s.cpuSeconds),
    cpu_percentage: hundredths(s.cpuPercent),
    hs06: hundredths(s.hs06),
    shutdown_message: s.state === 'Shut down' ? message(s.shutdownMessage) : null,
    shutdown_time: s.state === 'Shut down' ? time(s.shutdownAt) : null,
  });
}

/** The one `factory_status`, new and old names (spec/vacquery.md §6.2). */
export function openFactory(f: FactoryFacts, from: Sender): string {
  const kb = whole;
  return fitting({
    ...common('factory_status', from),
    running_processors: whole(f.runningProcessors),
    running_cpus: whole(f.runningProcessors),
    running_machines: whole(f.runningMachines),
    running_hs06: hundredths(f.runningHs06),
    max_processors: whole(f.maxProcessors),
    max_cpus: whole(f.maxProcessors),
    total_cpus: whole(f.maxProcessors),
    max_machines: whole(f.maxMachines),
    total_machines: whole(f.maxMachines),
    max_hs06: hundredths(f.maxHs06),
    total_hs06: hundredths(f.maxHs06),
    root_disk_avail_kb: kb(f.rootDiskAvailKb),
    root_disk_avail_inodes: whole(f.rootDiskAvailInodes),
    daemon_disk_avail_kb: kb(f.daemonDiskAvailKb),
    vac_disk_avail_kb: kb(f.daemonDiskAvailKb),
    daemon_disk_avail_inodes: whole(f.daemonDiskAvailInodes),
    vac_disk_avail_inodes: whole(f.daemonDiskAvailInodes),
    load_average: hundredths(f.loadAverage15),
    kernel_version: cleanLine(f.kernelVersion, 40) ?? '',
    os_issue: cleanLine(f.osIssue, 40) ?? '',
    boot_time: unixSeconds(f.bootTime),
    factory_heartbeat_time: unixSeconds(f.factoryHeartbeat),
    responder_heartbeat_time: unixSeconds(f.responderHeartbeat),
    mjf_heartbeat_time: unixSeconds(f.mjfHeartbeat),
    metadata_heartbeat_time: unixSeconds(f.metadataHeartbeat),
    swap_used_kb: kb(f.swapUsedKb),
    swap_free_kb: kb(f.swapFreeKb),
    mem_used_kb: kb(f.memUsedKb),
    mem_total_kb: kb(f.memTotalKb),
  });
}

/**
 * Answers to the `status` query of the original protocol: one per machine with its state and type and, inside, how the last machine of
 * every type ended, newest first, as many as fit (spec/vacquery.md §14; docs/space.md says why it is answered).
 */
export function openEarlyStatuses(own: OwnStatus, from: Sender): string[] {
  const ended = own.machinetypes
    .filter((t) => t.shutdownMessage !== undefined)
    .toSorted((a, b) => (b.shutdownAt ?? 0) - (a.shutdownAt ?? 0))
    .slice(0, mostOutcomes)
    .map((t) => [t.machinetype, { shutdown_message: message(t.shutdownMessage), shutdown_time: time(t.shutdownAt) }] as const);
  return own.machines.map((s) => {
    const text = (outcomes: typeof ended): string =>
      openObject({
        ...common('status', from),
        num_machines: own.machines.length,
        machine: s.machine,
        state: s.state,
        machinetype: s.machinetype ?? null,
        outcomes: Object.fromEntries(outcomes),
      });
    let some = ended;
    while (some.length > 0 && text(some).length + ending >= messageBytes) some = some.slice(0, -1);
    return text(some);
  });
}
