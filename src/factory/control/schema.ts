import { z } from 'zod';
import { endCauses, killReasons } from '../../core/machine.ts';
import { machineModels } from '../../core/machinetype.ts';
import { duration, figure, id, time } from './codec.ts';

/** Machines and their ends as the control API writes them; the names are those of src/core. */

const killReason = z.enum(killReasons);
const cause = z.enum(endCauses);
const count = z.int();

export const Flavor = z.object({ id: z.string(), name: z.string(), processors: count, memoryMb: z.number(), diskGb: z.number() });
export const Lack = z.enum(['quota', 'capacity']).meta({ description: 'What ran out: the allowance of the project, or room at the provider.' });
const limitedBy = z.enum(['configured', 'quota']);

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
  flavor: Flavor.exactOptional(),
  image: z.string().exactOptional(),
  providerId: z.string().exactOptional(),
  zone: z.string().exactOptional(),
  address: z.string().exactOptional(),
  message: z.object({ text: z.string(), at: time }).exactOptional(),
  heartbeatFileAt: time.exactOptional(),
  contactAt: time.exactOptional(),
};
const ran = { startedAt: time, heartbeatAt: time, cpuSeconds: duration };
const mayHaveRun = { startedAt: time.exactOptional(), heartbeatAt: time.exactOptional(), cpuSeconds: duration.exactOptional() };

const machineWith = <T extends z.ZodRawShape>(more: T) =>
  z.discriminatedUnion('state', [
    z.object({ ...facts, state: z.literal('creating'), ...more }),
    z.object({ ...facts, state: z.literal('running'), ...ran, cpuPercent: figure.exactOptional(), ...more }),
    z.object({ ...facts, state: z.literal('ending'), killReason, endingSince: time, ...mayHaveRun, ...more }),
    z.object({ ...facts, state: z.literal('finished'), finishedAt: time, outcome: Outcome, ...mayHaveRun, ...more }),
  ]);
export const Machine = machineWith({}).meta({ id: 'Machine', description: 'One machine record; `state` says which facts exist.' });
/** The name of its space is told where the daemon has more than this host's own. */
export const SpaceMachine = machineWith({ space: z.string().exactOptional() }).meta({
  id: 'SpaceMachine',
  description: 'The same, with its space where the daemon has spaces at clouds.',
});
export type SpaceMachine = z.output<typeof SpaceMachine>;

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
    cloud: z
      .object({
        api: z.string(),
        providerId: z.string().exactOptional(),
        flavor: z.string().exactOptional(),
        accounting: z.enum(['job', 'cloud', 'none']).exactOptional(),
        diskGb: z.number().exactOptional(),
        memoryMb: z.number().exactOptional(),
        image: z.string().exactOptional(),
        zone: z.string().exactOptional(),
      })
      .exactOptional(),
  })
  .meta({ id: 'UsageRecord', description: 'What one machine has used; exists from its end on.' });

const placement = {
  machinetype: z.string(),
  slot: count,
  processors: count,
  shutdownTime: time,
  superslot: z.enum(['existing', 'new']),
  flavor: Flavor.exactOptional(),
};
export const Marks = z.object({ manager: z.string(), machinetype: z.string(), name: z.string(), processors: count, createdAt: time, shutdownTime: time });
export const Action = z
  .discriminatedUnion('kind', [
    z.object({ kind: z.literal('create'), ...placement }),
    z.object({ kind: z.literal('adopt'), id, startedAt: time, shutdownTime: time.exactOptional() }),
    z.object({ kind: z.literal('take'), id, marks: Marks }),
    z.object({ kind: z.literal('end'), id, why: killReason, message: z.string().exactOptional() }),
    z.object({ kind: z.literal('destroy'), id, why: z.enum([...killReason.options, 'finished', 'no-record']) }),
    z.object({
      kind: z.literal('finish'),
      id,
      outcome: Outcome,
      usage: UsageRecord.exactOptional(),
      failure: z.object({ text: z.string(), lack: Lack.exactOptional() }).exactOptional(),
    }),
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
    z.object({ why: z.literal('no_free_processors'), used: count, total: count, limit: limitedBy.exactOptional() }),
    z.object({ why: z.literal('no_free_machines'), used: count, total: count, limit: limitedBy }),
    z.object({ why: z.literal('ramp'), requested: count, limit: count, until: time }),
    z.object({ why: z.literal('list_incomplete') }),
    z.object({ why: z.literal('offer_unknown') }),
    z.object({ why: z.literal('not_lease_holder'), holder: z.string().exactOptional(), text: z.string() }),
    z.object({ why: z.literal('space_failing'), count, text: z.string(), until: time.exactOptional() }),
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
    z.object({ why: z.literal('creation_failing'), count, until: time.exactOptional(), text: z.string(), lack: Lack.exactOptional() }),
    z.object({ why: z.literal('no_flavor'), text: z.string() }),
    z.object({ why: z.literal('own_limit'), used: count, needs: count, limit: count }),
    z.object({ why: z.literal('starting_limit'), starting: count, limit: count }),
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
      stuck: z.array(z.object({ id, name: z.string().exactOptional(), tries: count, since: time, nextAt: time })).exactOptional(),
      order: z.array(z.object({ machinetypes: z.array(z.string()), groupScore: figure, score: figure })),
    }),
    wakeAt: time,
  })
  .meta({ id: 'Decision' });
