import { z } from 'zod';
import { machinetypeFamilies, machinetypeTable } from '../config/machinetype-options.ts';
import { settingsTable } from '../config/settings-options.ts';
import { didYouMean } from '../config/suggest.ts';
import { endCauses, killReasons } from '../machine.ts';
import { Failures, MachineCloud, MachinetypeCloud, SituationCloud } from './cloud.ts';

/** Seconds relative to the decision. Bounded so that every instant stays a valid date. */
const relative = z.number().min(-1e10).max(1e10).nullish();
const count = z.int().min(0).max(1e9).nullish();
const usage = z.number().min(0).max(1e15).nullish();
const text = z.string().max(4096).nullish();
/** A value as in a configuration file: judged as configuration, not as JSON. */
const optionValue = z.union([z.number(), z.string(), z.boolean()]).nullish();

const localStates = ['running', 'stopped', 'finished', 'starting', 'paused', 'creating', 'ending'] as const;

export const LocalMachine = z.strictObject({
  slot: z.int().min(0).max(1e6),
  machinetype: z.string().max(255),
  processors: z.int().min(1).max(1e6).default(1),
  hs06: z.number().min(0).nullish(),
  state: z.enum(localStates),
  created_ago: relative,
  started_ago: relative,
  heartbeat_ago: relative,
  ends_in: relative,
  shutdown_message: text,
  message_ago: relative,
  job_heartbeat_ago: relative,
  // Ours, written by `vacua snapshot`.
  held: z.boolean().nullish(),
  contact_ago: relative,
  ending_ago: relative,
  kill_reason: z.enum(killReasons).nullish(),
  shutdown_announced: z.boolean().nullish(),
  in_flight: z.boolean().nullish(),
  abort: z.boolean().nullish(),
  not_adopted: z.boolean().nullish(),
  finished_ago: relative,
  cause: z.enum(endCauses).nullish(),
  cloud: MachineCloud.nullish(),
});
export type LocalMachine = z.infer<typeof LocalMachine>;

export const Peer = z.strictObject({
  factory: z.string().max(255),
  machinetype: z.string().max(255),
  running_hs06: z.number().nullish(),
  running_machines: count,
  running_processors: z.number().min(0).nullish(),
  num_before_fizzle: count,
  shutdown_message: text,
  shutdown_ago: relative,
  // Ours.
  usage_hs06_hours: usage,
});
export type Peer = z.infer<typeof Peer>;

const ownFactory = {
  name: z.string().max(255).nullish(),
  start_rate_per_minute: optionValue,
  boot_concurrency: optionValue,
  grace_seconds: optionValue,
  group_share: z.enum(['sum', 'vac31']).nullish(),
  factories: z.union([z.string(), z.array(z.string().max(255)).max(100_000)]).nullish(),
  abort_codes: z.string().max(4096).nullish(),
  share_memory_half_life_hours: optionValue,
  share_memory_max_credit: optionValue,
  disk_free_bytes: z.number().nullish(),
  min_free_disk_bytes: optionValue,
  journal_fault: text,
  provider_unknown: text,
  provider_unknown_ago: relative,
  foreign_processors: count,
  guest_service_ago: relative,
  guest_service_down: z.boolean().nullish(),
  recent_starts_ago: z.array(z.number()).max(100_000).nullish(),
  cloud: SituationCloud.nullish(),
};

/** The options of `[settings]` that decide. All others are accepted and change nothing. */
const decisiveSettings = ['total_processors', 'processors_per_superslot', 'draining', 'overload_per_processor', 'hs06_per_processor'] as const;

export const FactoryFacts = z.object({
  slots: z.int().min(1).max(1e6).nullish(),
  load_average: z.number().min(0).nullish(),
  shutdown_in: optionValue,
  ...(Object.fromEntries(decisiveSettings.map((name) => [name, optionValue])) as Record<(typeof decisiveSettings)[number], typeof optionValue>),
  ...ownFactory,
});
export type FactoryFacts = z.infer<typeof FactoryFacts>;

/** The options of a machinetype, and what this host lacks for it (ours). */
const ownMachinetype = {
  not_ready: text,
  usage_hs06_hours: usage,
  demand: z.strictObject({ waiting: z.int().min(0).max(1e9), running: z.int().min(0).max(1e9), ago: z.number() }).nullish(),
  demand_unknown: z.strictObject({ ago: z.number(), why: z.string().max(4096) }).nullish(),
  creation_failures: Failures.nullish(),
  cloud: MachinetypeCloud.nullish(),
};
export const MachinetypeOptions = z.object(ownMachinetype).catchall(optionValue);
export type MachinetypeOptions = z.infer<typeof MachinetypeOptions>;

export const Situation = z.strictObject({
  id: text,
  title: text,
  topics: z.array(z.string()).nullish(),
  /** Ours: when it was taken, so that reasons can name times of day. */
  at: z.iso.datetime({ offset: true }).nullish(),
  factory: FactoryFacts.loose(),
  machinetypes: z.record(z.string().max(255), MachinetypeOptions).default({}),
  local_machines: z.array(LocalMachine).max(100_000).default([]),
  space: z.array(Peer).max(1_000_000).default([]),
  silent_factories: z.array(z.string()).nullish(),
  local_responder: z.boolean().nullish(),
  decided: z.unknown().optional(),
});
export type Situation = z.infer<typeof Situation>;

/** A situation that is not of the documented form. `problems`: one line each, `path: what is wrong, what would be valid`. */
export class SituationError extends Error {
  override readonly name = 'SituationError';
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

const known = {
  situation: Object.keys(Situation.shape),
  factory: [...Object.keys(FactoryFacts.shape), ...Object.keys(settingsTable)],
  machinetype: [...Object.keys(ownMachinetype), ...Object.keys(machinetypeTable)],
  local_machines: Object.keys(LocalMachine.shape),
  space: Object.keys(Peer.shape),
};
const families = Object.keys(machinetypeFamilies);

/** Reads one situation; throws `SituationError` naming every place that is wrong. */
export function readSituation(json: unknown): Situation {
  const read = Situation.safeParse(json, { reportInput: true });
  if (!read.success) throw new SituationError(read.error.issues.flatMap(problemsOf));
  const unknown = [
    ...strangers(read.data.factory, known.factory, 'factory'),
    ...Object.entries(read.data.machinetypes).flatMap(([name, options]) => strangers(options, known.machinetype, `machinetypes.${name}`)),
  ];
  if (unknown.length > 0) throw new SituationError(unknown);
  return read.data;
}

function strangers(object: object, names: readonly string[], path: string): string[] {
  const strange = Object.keys(object).filter((key) => !names.includes(key) && !families.some((prefix) => key.startsWith(prefix)));
  return strange.map((key) => unknownKey(path, key, names));
}

const unknownKey = (path: string, key: string, names: readonly string[]): string => {
  const guess = didYouMean(key, names);
  return `${path === '' ? key : `${path}.${key}`}: unknown key${guess === '' ? `; valid: ${names.slice(0, 12).join(', ')}${names.length > 12 ? ', …' : ''}` : guess}`;
};

function problemsOf(issue: z.core.$ZodIssue): string[] {
  const path = pathText(issue.path);
  if (issue.code === 'unrecognized_keys') {
    const part = issue.path[0];
    const names = part === 'local_machines' ? known.local_machines : part === 'space' ? known.space : part === undefined ? known.situation : [];
    return issue.keys.map((key) => unknownKey(path, key, names));
  }
  const given = issue.input === undefined ? 'missing' : `is ${JSON.stringify(issue.input)?.slice(0, 80)}`;
  return [`${path === '' ? 'situation' : path}: ${given}; ${issue.message.replace(/^Invalid (input|option): /, '')}`];
}

const pathText = (path: readonly PropertyKey[]): string =>
  path.reduce<string>((text, key) => (typeof key === 'number' ? `${text}[${key}]` : text === '' ? String(key) : `${text}.${String(key)}`), '');
