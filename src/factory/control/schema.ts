import { z } from 'zod';
import { machineModels } from '../../core/machinetype.ts';
import { duration, figure, id, time } from './codec.ts';

/** Machines and their ends as the control API writes them; the names are those of src/core. */

const killReason = z.enum(['wallclock', 'heartbeat-missing', 'heartbeat-old', 'paused', 'creation-failed', 'shutdown-time', 'person']);
const cause = z.enum(['power-off', 'reset', 'panic', 'vanished', 'killed', 'never-started', 'unknown']);
const count = z.int();

export const Outcome = z
  .object({
    code: count.exactOptional(),
    message: z.string().exactOptional(),
    cause,
    killReason: killReason.exactOptional(),
    abort: z.boolean(),
    at: time.exactOptional(),
  })
  .meta({ id: 'Outcome', description: 'How a machine ended. `abort`: do not simply start another one. `at`: the moment that back-off counts from.' });

const facts = {
  id,
  name: z.string(),
  slot: count,
  machinetype: z.string(),
  machinegroup: z.string(),
  model: z.enum(machineModels),
  accountingFqan: z.string().exactOptional(),
  processors: count,
  memoryMb: z.number().describe('MiB'),
  hs06PerProcessor: z.number().exactOptional(),
  fizzle: duration,
  machinesDirDays: z.number(),
  heartbeatFile: z.string().exactOptional(),
  heartbeat: duration.exactOptional(),
  announceLifetimeAsShutdown: z.boolean().exactOptional(),
  scratchBytes: z.number().exactOptional(),
  createdAt: time,
  shutdownTime: time,
  drainAnnounced: z.boolean().exactOptional(),
  held: z.boolean().exactOptional(),
  message: z.object({ text: z.string(), at: time }).exactOptional(),
  heartbeatFileAt: time.exactOptional(),
  contactAt: time.exactOptional(),
};
const ran = { startedAt: time, heartbeatAt: time, cpuSeconds: duration };
const mayHaveRun = { startedAt: time.exactOptional(), heartbeatAt: time.exactOptional(), cpuSeconds: duration.exactOptional() };

export const Machine = z
  .discriminatedUnion('state', [
    z.object({ ...facts, state: z.literal('creating') }),
    z.object({ ...facts, state: z.literal('running'), ...ran, cpuPercent: figure.exactOptional() }),
    z.object({ ...facts, state: z.literal('ending'), killReason, endingSince: time, ...mayHaveRun }),
    z.object({ ...facts, state: z.literal('finished'), finishedAt: time, outcome: Outcome, ...mayHaveRun }),
  ])
  .meta({ id: 'Machine', description: 'One machine record; `state` says which facts exist.' });

export const UsageRecord = z
  .object({
    id,
    name: z.string(),
    space: z.string(),
    factory: z.string(),
    site: z.string(),
    machinetype: z.string(),
    accountingFqan: z.string().exactOptional(),
    processors: count,
    memoryMb: z.number(),
    hs06PerProcessor: z.number().exactOptional(),
    startedAt: time,
    endedAt: time,
    wall: duration,
    cpu: duration,
    outcome: Outcome,
  })
  .meta({ id: 'UsageRecord', description: 'What one machine has used; exists from its end on.' });

const placement = {
  machinetype: z.string(),
  slot: count,
  processors: count,
  shutdownTime: time,
  superslot: z.enum(['existing', 'new']),
};
export const Action = z
  .discriminatedUnion('kind', [
    z.object({ kind: z.literal('create'), ...placement }),
    z.object({ kind: z.literal('adopt'), id, startedAt: time }),
    z.object({ kind: z.literal('end'), id, why: killReason, message: z.string().exactOptional() }),
    z.object({ kind: z.literal('destroy'), id, why: z.enum([...killReason.options, 'finished', 'no-record']) }),
    z.object({ kind: z.literal('finish'), id, outcome: Outcome, usage: UsageRecord.exactOptional() }),
    z.object({ kind: z.literal('shorten'), id, shutdownTime: time }),
    z.object({ kind: z.literal('forget'), id }),
  ])
  .meta({ id: 'Action' });

const Veto = z
  .discriminatedUnion('why', [
    z.object({ why: z.literal('configuration_refused'), text: z.string() }),
    z.object({ why: z.literal('journal'), text: z.string() }),
    z.object({ why: z.literal('provider_unknown'), since: time, text: z.string() }),
    z.object({ why: z.literal('load'), load: figure, limit: figure }),
    z.object({ why: z.literal('shutdown_time_passed'), shutdownTime: time }),
    z.object({ why: z.literal('draining') }),
    z.object({ why: z.literal('disk'), freeBytes: z.number(), neededBytes: z.number() }),
    z.object({ why: z.literal('no_free_processors'), used: count, total: count }),
    z.object({ why: z.literal('none_eligible') }),
    z.object({ why: z.literal('none_suitable') }),
    z.object({ why: z.literal('start_rate'), perMinute: z.number(), until: time }),
    z.object({ why: z.literal('boot_concurrency'), booting: count, limit: count }),
    z.object({
      why: z.literal('black_hole'),
      failures: count,
      machinetypes: z.array(z.string()),
      since: time,
      message: z.string(),
      until: time.exactOptional(),
    }),
  ])
  .meta({ id: 'Veto', description: 'Why nothing at all, or nothing more, was started.' });

const backingOff = { until: time, lastAbort: time, message: z.string(), factory: z.string() };
const Verdict = z
  .discriminatedUnion('why', [
    z.object({ why: z.literal('started'), count }),
    z.object({ why: z.literal('no_share') }),
    z.object({ why: z.literal('not_ready'), text: z.string() }),
    z.object({ why: z.literal('creation_failing'), count, until: time, text: z.string() }),
    z.object({ why: z.literal('no_demand'), waiting: count, running: count, machines: count, maxMachines: count.exactOptional() }),
    z.object({ why: z.literal('demand_unknown'), since: time.exactOptional(), text: z.string() }),
    z.object({ why: z.literal('shutdown_time_near'), needs: duration, left: duration }),
    z.object({ why: z.literal('backing_off'), ...backingOff, inARow: count.exactOptional(), pause: duration.exactOptional() }),
    z.object({ why: z.literal('scout_out'), ...backingOff, fresh: count }),
    z.object({ why: z.literal('not_elected'), ...backingOff, rank: count, of: count, width: count, fresh: count }),
    z.object({ why: z.literal('does_not_fit'), minProcessors: count, free: count, reserved: count }),
    z.object({ why: z.literal('after_others'), first: z.string() }),
    z.object({ why: z.literal('eligible') }),
  ])
  .meta({ id: 'Verdict', description: 'One machinetype in one turn, with the numbers used.' });

export const MachinetypeReason = z
  .object({
    machinetype: z.string(),
    verdict: Verdict,
    targetShare: z.number(),
    effectiveShare: z.number().exactOptional(),
    hs06: figure,
    machines: count,
    score: figure,
    groupScore: figure,
    fresh: count,
  })
  .meta({ id: 'MachinetypeReason' });

export const Decision = z
  .object({
    at: time,
    actions: z.array(Action),
    reasons: z.object({
      veto: Veto.exactOptional(),
      usedProcessors: count,
      totalProcessors: count,
      machinetypes: z.array(MachinetypeReason),
      order: z.array(z.object({ machinetypes: z.array(z.string()), groupScore: figure, score: figure })),
    }),
    wakeAt: time,
  })
  .meta({ id: 'Decision' });
