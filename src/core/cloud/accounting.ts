import type { UsageRecord } from '../machine.ts';
import { type Instant, later, unixSeconds } from '../units.ts';

/** Texts for APEL (spec/accounting.md §1, §2, §5). Nothing here sends anything. */

/** A record as text, without header and separator; or why it must not be sent. */
export type RecordText = { readonly record: string } | { readonly refused: string };

export interface Accounting {
  /** Of the factory that reports, unique at the site: `SPACE/vacuad-MANAGER`. */
  readonly submitHost: string;
  /** Power per core by benchmark, in the order of preference; empty: the record of the machine's own HS06. */
  readonly benchmarks?: ReadonlyMap<string, number>;
  /** v0.4 writes benchmarks as a map, v0.3 as two keys. */
  readonly version: 'v0.3' | 'v0.4';
  readonly now: Instant;
}

export const jobHeader = ({ version }: Pick<Accounting, 'version'>): string => `APEL-individual-job-message: ${version}`;
export const cloudHeader = 'APEL-cloud-message: v0.4';

/** Up to so many records are one message. */
const recordsPerMessage = 1000;
/** Bytes of a message: base64 makes a third more of it, and the whole must stay below 1 MB. */
const bytesPerMessage = 700_000;

/** Records put together, each message complete. */
export function messages(header: string, records: readonly string[]): string[] {
  const all: string[] = [];
  let [text, count] = [`${header}\n`, 0];
  for (const record of records) {
    if (count > 0 && (count === recordsPerMessage || text.length + record.length + 3 > bytesPerMessage)) {
      all.push(text);
      [text, count] = [`${header}\n`, 0];
    }
    text += `${record}%%\n`;
    count += 1;
  }
  return count === 0 ? all : [...all, text];
}

/** `vac01.example.com` → `/DC=com/DC=example/DC=vac01` (spec/cloud.md §9). */
export const spaceDn = (space: string): string =>
  space
    .split('.')
    .toReversed()
    .map((label) => `/DC=${label}`)
    .join('');

interface Line {
  readonly key: string;
  readonly value: string | number | undefined;
  readonly most?: number;
  readonly must?: boolean;
}

/** Values of a record in their order; the first that breaks a rule refuses it. */
function written(lines: readonly Line[]): RecordText {
  let record = '';
  for (const { key, value, most = 255, must = false } of lines) {
    if (value === undefined) {
      if (must) return { refused: `${key} is missing; it is mandatory` };
      continue;
    }
    const text = String(value).trim();
    const shown = JSON.stringify(text.slice(0, 60));
    if (typeof value === 'number' && (!Number.isFinite(value) || value < 0)) return { refused: `${key} is ${text}; valid: a number, not negative` };
    if (!/^[\x20-\x7e]*$/.test(text)) return { refused: `${key} is ${shown}; valid: printable ASCII characters` };
    if (text.includes('%%')) return { refused: `${key} is ${shown}; valid: a text without %%` };
    if (text.length > most) return { refused: `${key} has ${text.length} characters; valid: at most ${most}` };
    if (/^(none|null|)$/i.test(text)) {
      if (must) return { refused: `${key} is ${shown}, which is read as absent; it is mandatory` };
      continue;
    }
    record += `${key}: ${text}\n`;
  }
  return { record };
}

/** All in seconds. */
interface Times {
  readonly start: number;
  readonly end: number;
  readonly wall: number;
  readonly cpu: number;
}

/** Start, end and durations, and what makes them impossible. */
function timesOf({ startedAt, endedAt, wall: run, cpu, processors, cloud }: UsageRecord, now: Instant): Times | { readonly refused: string } {
  if (endedAt < startedAt) return { refused: `EndTime ${unixSeconds(endedAt)} is before StartTime ${unixSeconds(startedAt)}` };
  const latest = later(now, 2 * 86_400);
  if (endedAt > latest) return { refused: `EndTime ${unixSeconds(endedAt)} is more than 2 days in the future` };
  const [start, end] = [unixSeconds(startedAt), unixSeconds(endedAt)];
  const wall = Math.max(0, Math.floor(run));
  const most = wall * processors;
  // A cloud does not say how much of its processors a machine has used (spec/cloud.md §9, project rule).
  const used = cloud !== undefined && cpu <= 0 ? most : Math.min(most, Math.floor(cpu));
  return { start, end, wall, cpu: used };
}

const decimal = (n: number): string => String(Math.round(n * 1e4) / 1e4);

/** HS06 of the machine where no benchmark is configured; empty: none is known. */
function benchmarksOf({ hs06PerProcessor }: UsageRecord, { benchmarks }: Accounting): readonly (readonly [string, number])[] {
  if (benchmarks !== undefined && benchmarks.size > 0) return [...benchmarks];
  return hs06PerProcessor === undefined ? [] : [['HEPSPEC', hs06PerProcessor]];
}

/** Names that are one benchmark, in any case, with their name in v0.3. */
const benchmarkNames: Readonly<Record<string, string>> = { hepspec: 'HEPSPEC', hepscore23: 'HEPscore23', si2k: 'Si2k' };

function benchmarkLines(usage: UsageRecord, about: Accounting): readonly Line[] | { readonly refused: string } {
  const all = benchmarksOf(usage, about);
  const names = all.map(([name]) => name.toLowerCase());
  for (const [name, value] of all) {
    if (benchmarkNames[name.toLowerCase()] === undefined)
      return { refused: `benchmark ${JSON.stringify(name)}; valid: ${Object.values(benchmarkNames).join(', ')}` };
    if (!Number.isFinite(value) || value <= 0) return { refused: `benchmark ${name} is ${value}; valid: a number above 0` };
  }
  if (new Set(names).size < names.length) return { refused: 'a benchmark stands twice; valid: each once' };
  const [first] = all;
  if (first === undefined) return [];
  if (about.version === 'v0.4') return [{ key: 'ServiceLevel', value: `{${all.map(([name, value]) => `${name}: ${decimal(value)}`).join(', ')}}` }];
  return [
    { key: 'ServiceLevelType', value: benchmarkNames[first[0].toLowerCase()] },
    { key: 'ServiceLevel', value: decimal(first[1]) },
  ];
}

/**
 * The individual job record of a machine that has ended (spec/accounting.md §2, spec/cloud.md §9): its durations are of the machine, and its
 * service level per core.
 */
export function jobRecord(usage: UsageRecord, about: Accounting): RecordText {
  const times = timesOf(usage, about.now);
  if ('refused' in times) return times;
  const levels = benchmarkLines(usage, about);
  if ('refused' in levels) return levels;
  const memory = Math.round(usage.memoryMb * 1024);
  return written([
    { key: 'Site', value: usage.site, must: true },
    { key: 'SubmitHost', value: about.submitHost },
    { key: 'Queue', value: usage.machinetype, most: 100 },
    { key: 'LocalJobId', value: usage.cloud?.providerId ?? usage.id, must: true },
    { key: 'LocalUserId', value: usage.name },
    { key: 'GlobalUserName', value: spaceDn(usage.space) },
    { key: 'FQAN', value: usage.accountingFqan },
    { key: 'WallDuration', value: times.wall, must: true },
    { key: 'CpuDuration', value: times.cpu, must: true },
    { key: 'Processors', value: usage.processors },
    { key: 'NodeCount', value: 1 },
    { key: 'StartTime', value: times.start, must: true },
    { key: 'EndTime', value: times.end, must: true },
    { key: 'InfrastructureDescription', value: usage.cloud === undefined ? 'APEL-VAC' : 'APEL-VCYCLE', most: 100 },
    { key: 'InfrastructureType', value: 'grid', most: 20 },
    { key: 'MemoryReal', value: memory },
    { key: 'MemoryVirtual', value: memory },
    ...levels,
  ]);
}

export interface CloudAccounting extends Omit<Accounting, 'version' | 'submitHost'> {
  /** `started`: it lives, and the usage is what it has used so far; `completed`: it has ended. */
  readonly status: 'started' | 'completed';
  /** User and project at the provider, where they are known. */
  readonly userId?: string;
  readonly groupId?: string;
}

const cloudTypes: Readonly<Record<string, string>> = { openstack: 'OpenStack', ec2: 'EC2' };

/** Cloud usage record (spec/accounting.md §5). Durations are cumulative since the start. */
export function cloudRecord(usage: UsageRecord, about: CloudAccounting): RecordText {
  const times = timesOf(usage, about.now);
  if ('refused' in times) return times;
  const levels = benchmarksOf(usage, { ...about, version: 'v0.4', submitHost: '' });
  const [benchmark] = levels;
  const { cloud } = usage;
  const memory = cloud?.memoryMb ?? usage.memoryMb;
  return written([
    { key: 'RecordCreateTime', value: unixSeconds(about.now), must: true },
    { key: 'VMUUID', value: cloud?.providerId ?? usage.id, must: true },
    { key: 'SiteName', value: usage.site, must: true },
    { key: 'CloudComputeService', value: usage.space },
    { key: 'MachineName', value: usage.name },
    { key: 'LocalUserId', value: about.userId },
    { key: 'LocalGroupId', value: about.groupId },
    { key: 'FQAN', value: usage.accountingFqan },
    { key: 'Status', value: about.status },
    { key: 'StartTime', value: times.start },
    { key: 'EndTime', value: about.status === 'completed' ? times.end : undefined },
    { key: 'SuspendDuration', value: 0 },
    { key: 'WallDuration', value: times.wall },
    { key: 'CpuDuration', value: times.cpu },
    { key: 'CpuCount', value: usage.processors },
    { key: 'NetworkInbound', value: 0 },
    { key: 'NetworkOutbound', value: 0 },
    { key: 'PublicIPCount', value: 0 },
    { key: 'Memory', value: Math.round(memory) },
    { key: 'Disk', value: cloud?.diskGb === undefined ? undefined : Math.round(cloud.diskGb) },
    ...(benchmark === undefined
      ? []
      : [
          { key: 'BenchmarkType', value: benchmark[0].toLowerCase() === 'hepspec' ? 'HEPSPEC06' : benchmark[0], most: 50 },
          { key: 'Benchmark', value: decimal(benchmark[1]) },
        ]),
    { key: 'ImageId', value: cloud?.image },
    { key: 'CloudType', value: cloud === undefined ? undefined : (cloudTypes[cloud.api] ?? cloud.api) },
  ]);
}
