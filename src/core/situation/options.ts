import { codeRanges, fraction } from '../config/option-types.ts';
import type { Rule } from '../decision.ts';
import { machineModels, type Machinetype } from '../machinetype.ts';
import type { Configuration, Settings } from '../settings.ts';
import { type Instant, later, seconds } from '../units.ts';
import { cloudMaxProcessors, cloudSettingsFrom, machinetypeCloudFrom } from './cloud.ts';
import { neutralMachinetype, neutralSettings, thisFactory } from './neutral.ts';
import type { FactoryFacts, MachinetypeOptions, Situation } from './schema.ts';

type Value = number | string | boolean | null | undefined;

/** Reads options as Vac reads its configuration, and remembers why it would refuse them (spec/factory.md §3). */
export class OptionReader {
  readonly refusals: string[] = [];

  whole(place: string, value: Value, otherwise: number): number {
    if (value === undefined || value === null) return otherwise;
    if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
    if (typeof value === 'string' && /^\s*[+-]?\d{1,15}\s*$/.test(value)) return Number(value);
    this.refusals.push(`${place}: ${JSON.stringify(value)} is not a whole number`);
    return otherwise;
  }

  decimal(place: string, value: Value, otherwise: number): number {
    if (value === undefined || value === null) return otherwise;
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    if (typeof value === 'string' && /^\s*[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?\s*$/i.test(value)) return Number(value);
    this.refusals.push(`${place}: ${JSON.stringify(value)} is not a number`);
    return otherwise;
  }

  text(value: Value): string | undefined {
    return value === undefined || value === null ? undefined : String(value).trim();
  }
}

/** The configuration of a situation, or the reasons for which Vac 3.1 would refuse it as a whole. */
export function configurationOf(
  situation: Situation,
  now: Instant,
  rule: Rule,
): { readonly configuration: Configuration; readonly refusals: readonly string[] } {
  const reader = new OptionReader();
  const settings = settingsOf(situation.factory, now, rule, reader);
  const machinetypes = new Map<string, Machinetype>();
  for (const [written, options] of Object.entries(situation.machinetypes)) {
    const name = written.toLowerCase();
    if (!/^[a-z0-9-]+$/.test(name)) reader.refusals.push(`machinetypes: ${JSON.stringify(written)} is not a name; valid: letters a-z, digits, hyphens`);
    const machinetype = machinetypeOf(name, options, reader, situation.factory.cloud ? cloudMaxProcessors : 1);
    if (machinetype !== undefined) machinetypes.set(name, machinetype);
  }
  return { configuration: { settings, machinetypes, pipes: [], digest: '' }, refusals: reader.refusals };
}

/** Logical processors of the host; where a situation does not say, as many as may be used. */
export const slotsOf = ({ slots, total_processors: total }: FactoryFacts): number => slots ?? (typeof total === 'number' && total >= 1 ? Math.floor(total) : 1);

function settingsOf(facts: FactoryFacts, now: Instant, rule: Rule, reader: OptionReader): Settings {
  const at = (name: keyof FactoryFacts, otherwise: number): number => reader.whole(`factory.${name}`, facts[name] as Value, otherwise);
  const slots = slotsOf(facts);
  const totalProcessors = at('total_processors', slots);
  if (totalProcessors > slots) {
    reader.refusals.push(`factory.total_processors: ${totalProcessors} is more than the ${slots} logical processors of the host (slots)`);
  }
  const processorsPerSuperslot = at('processors_per_superslot', 1);
  if (processorsPerSuperslot < 1) reader.refusals.push(`factory.processors_per_superslot: ${processorsPerSuperslot} is below 1`);
  const shutdownIn = facts.shutdown_in;
  const hs06 = facts.hs06_per_processor;
  return {
    ...neutralSettings,
    factoryName: facts.name ?? thisFactory,
    totalProcessors,
    processorsPerSuperslot,
    overloadPerProcessor: reader.decimal('factory.overload_per_processor', facts.overload_per_processor, 1.25),
    ...(hs06 === undefined || hs06 === null ? {} : { hs06PerProcessor: reader.decimal('factory.hs06_per_processor', hs06, 1) }),
    ...(shutdownIn === undefined || shutdownIn === null ? {} : { shutdownTime: later(now, reader.decimal('factory.shutdown_in', shutdownIn, 0)) }),
    draining: drains(facts.draining, rule, reader),
    startRatePerMinute: at('start_rate_per_minute', neutralSettings.startRatePerMinute),
    bootConcurrency: at('boot_concurrency', neutralSettings.bootConcurrency),
    grace: seconds(reader.decimal('factory.grace_seconds', facts.grace_seconds, 0)),
    groupShare: facts.group_share ?? 'sum',
    factories: typeof facts.factories === 'string' ? facts.factories.split(/\s+/).filter((name) => name !== '') : (facts.factories ?? []),
    ...abortCodes(facts.abort_codes, reader),
    ...shareMemory(facts, reader),
    ...(facts.cloud ? { cloud: cloudSettingsFrom(facts.cloud), cycle: seconds(facts.cloud.cycle_seconds ?? 60) } : {}),
    minFreeDiskBytes: reader.decimal('factory.min_free_disk_bytes', facts.min_free_disk_bytes, 0),
  };
}

function abortCodes(value: string | null | undefined, reader: OptionReader): Pick<Settings, 'abortCodes'> {
  if (value === undefined || value === null) return {};
  const reading = codeRanges.read(value);
  if ('value' in reading) return { abortCodes: reading.value };
  reader.refusals.push(`factory.abort_codes: ${reading.wrong}; valid: ${codeRanges.valid}`);
  return {};
}

function shareMemory(facts: FactoryFacts, reader: OptionReader): Pick<Settings, 'shareMemory'> {
  const hours = reader.decimal('factory.share_memory_half_life_hours', facts.share_memory_half_life_hours, 0);
  const maxCredit = reader.decimal('factory.share_memory_max_credit', facts.share_memory_max_credit, 0.5);
  if (maxCredit <= 0 || maxCredit >= 1) reader.refusals.push(`factory.share_memory_max_credit: ${maxCredit} is out of range; valid: ${fraction.valid}`);
  return hours > 0 ? { shareMemory: { halfLife: seconds(hours * 3600), maxCredit } } : {};
}

/** `yes` in any case of letters; `true` is on under our rule only (spec/decisions.md §2.6). */
function drains(value: Value, rule: Rule, reader: OptionReader): boolean {
  const word = reader.text(value)?.toLowerCase();
  return word === 'yes' || (rule === 'vacua' && (word === 'true' || word === 'on'));
}

const deviceName = /^[a-z0-9]+$/;

/** Undefined: Vac skips this machinetype alone. */
function machinetypeOf(name: string, options: MachinetypeOptions, reader: OptionReader, mostProcessors: number): Machinetype | undefined {
  const value = (option: string): Value => options[option] as Value;
  const whole = (option: string, otherwise: number): number => reader.whole(`machinetypes.${name}.${option}`, value(option), otherwise);
  const minProcessors = whole('min_processors', 1);
  const maxProcessors = whole('max_processors', mostProcessors);
  if (maxProcessors < minProcessors) reader.refusals.push(`machinetypes.${name}.max_processors: ${maxProcessors} is below min_processors, ${minProcessors}`);
  const model = reader.text(value('machine_model')) ?? 'cernvm3';
  const knownModel = machineModels.find((m) => m === model);
  if (knownModel === undefined) reader.refusals.push(`machinetypes.${name}.machine_model: ${JSON.stringify(model)} is none of ${machineModels.join(', ')}`);
  if (reader.text(value('root_image'))?.startsWith('docker://') === true && model !== 'docker') {
    reader.refusals.push(`machinetypes.${name}.root_image: docker:// is valid with machine_model docker only`);
  }
  const maxWallclock = whole('max_wallclock_seconds', 86_400);
  const accountingFqan = reader.text(value('accounting_fqan'));
  const backoff = whole('backoff_seconds', 10);
  const doubling = ['yes', 'true', 'on'].includes(reader.text(value('backoff_doubling'))?.toLowerCase() ?? '');
  const limit = value('demand_max_machines');
  const maxMachines = limit === undefined || limit === null ? {} : { maxMachines: whole('demand_max_machines', 0) };
  const heartbeatFile = reader.text(value('heartbeat_file'));
  const machinetype: Machinetype = {
    ...neutralMachinetype,
    name,
    targetShare: reader.decimal(`machinetypes.${name}.target_share`, value('target_share'), 0),
    machinegroup: reader.text(value('machinegroup')) ?? accountingFqan ?? name,
    ...(accountingFqan === undefined ? {} : { accountingFqan }),
    model: knownModel ?? 'cernvm3',
    minProcessors,
    maxProcessors,
    maxWallclock: seconds(maxWallclock),
    minWallclock: seconds(whole('min_wallclock_seconds', maxWallclock)),
    backoff: seconds(backoff),
    ...(doubling ? { backoffMax: seconds(Math.max(backoff, whole('backoff_max_seconds', 14_400))) } : {}),
    fizzle: seconds(whole('fizzle_seconds', 600)),
    ...(heartbeatFile === undefined || heartbeatFile === '' ? {} : { heartbeatFile }),
    ...(reader.text(value('policy'))?.toLowerCase() === 'demand' ? { demand: { url: reader.text(value('demand_url')) ?? '', ...maxMachines } } : {}),
    ...(options.cloud ? { cloud: machinetypeCloudFrom(options.cloud) } : {}),
    heartbeat: seconds(whole('heartbeat_seconds', 0)),
    machinesDirDays: reader.decimal(`machinetypes.${name}.machines_dir_days`, value('machines_dir_days'), 3),
  };
  const devices = [reader.text(value('root_device')) ?? 'vda', reader.text(value('scratch_device')) ?? 'vdb'];
  return devices.every((device) => deviceName.test(device)) ? machinetype : undefined;
}
