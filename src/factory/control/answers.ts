import { z } from 'zod';
import { endCauses } from '../../core/machine.ts';
import type { MachineId } from '../../core/units.ts';
import { duration, figure, id, mapById, mapOf, time } from './codec.ts';
import { Action, Decision, Flavor, Lack, Machine, MachinetypeReason, Marks, Outcome, SpaceMachine, UsageRecord } from './schema.ts';

/** The bodies of the control API. Clients must ignore keys that they do not know. */

const count = z.int();

const Lease = z.discriminatedUnion('held', [
  z.object({ held: z.literal(true) }),
  z.object({ held: z.literal(false), holder: z.string().exactOptional(), text: z.string() }),
]);

export const Failure = z
  .object({ error: z.object({ code: z.string().describe('stable, lower case'), message: z.string().describe('for people') }) })
  .meta({ id: 'Failure', description: 'Body of every answer with a status of 400 or more.' });

export const Status = z
  .object({
    version: z.string(),
    pid: count,
    factory: z.string(),
    space: z.string(),
    provider: z.string(),
    notes: z.array(z.string()),
    rule: z.enum(['vacua', 'vac31']),
    stateDir: z.string(),
    startedAt: time,
    lastTurnAt: time.exactOptional(),
    draining: z.boolean(),
    slots: count,
    totalProcessors: count,
    usedProcessors: count,
    load: figure,
    freeDiskBytes: z.number().exactOptional(),
    journalFault: z.string().exactOptional(),
    cloud: z
      .object({
        api: z.string(),
        manager: z.string(),
        trouble: z.object({ why: z.string(), nextTry: time.exactOptional() }).exactOptional().describe('absent: its cloud has been reached'),
        leaving: z.literal(true).exactOptional().describe('no longer in the configuration; ends with its last machine'),
        lease: Lease.exactOptional(),
      })
      .exactOptional()
      .describe('of a space at a cloud, which has no slots'),
  })
  .meta({ id: 'Status' });

export const Spaces = z
  .object({
    spaces: z.array(z.object({ space: z.string(), status: Status.exactOptional(), why: z.string().exactOptional().describe('there is no factory for it') })),
  })
  .meta({ id: 'Spaces', description: "This host's own space first, if it has one, then spaces at clouds by name, then those that cannot be served." });
export type SpaceEntry = z.output<typeof Spaces>['spaces'][number];

export const Problem = z
  .object({
    severity: z.enum(['error', 'warning']),
    file: z.string(),
    line: count,
    column: count,
    section: z.string().exactOptional(),
    option: z.string().exactOptional(),
    text: z.string(),
    disables: z.union([
      z.object({ kind: z.enum(['configuration', 'nothing']) }),
      z.object({ kind: z.enum(['space', 'machinetype', 'pipe', 'environment']), name: z.string() }),
    ]),
  })
  .meta({ id: 'Problem', description: 'One thing wrong with the configuration, and what is disabled by it.' });

const Pipe = z
  .object({
    space: z.string().exactOptional(),
    prefix: z.string(),
    url: z.string(),
    fetchedAt: time.exactOptional(),
    failure: z.string().exactOptional(),
    machinetypes: count,
  })
  .meta({ id: 'Pipe' });

export const ConfigurationAnswer = z
  .object({
    digest: z.string().exactOptional(),
    settings: z.record(z.string(), z.unknown()).exactOptional(),
    machinetypes: z.record(z.string(), z.record(z.string(), z.unknown())),
    problems: z.array(Problem),
    pipes: z.array(Pipe),
  })
  .meta({
    id: 'Configuration',
    description:
      'What is in force, with the names of src/core/settings.ts and src/core/machinetype.ts; substitutions of user data, and credentials and queries in URLs, read `***`. `settings` and `digest` are absent when no configuration has been valid yet.',
  });

/** One machinetype of the configuration, or one that left it while machines of it are still known. */
export const MachinetypeAnswer = z
  .object({
    space: z.string().exactOptional().describe('where the daemon has spaces at clouds'),
    name: z.string(),
    origin: z.string().exactOptional().describe('absent: no longer configured'),
    targetShare: z.number(),
    machinegroup: z.string().exactOptional(),
    model: z.string().exactOptional(),
    machines: z.object({ creating: count, running: count, ending: count, finished: count }).describe('on this factory'),
    processors: count.describe('of its live machines on this factory'),
    reason: MachinetypeReason.exactOptional().describe('from the last turn'),
    lastEnd: z.object({ machine: z.string(), at: time, outcome: Outcome }).exactOptional(),
  })
  .meta({ id: 'Machinetype' });
export type MachinetypeAnswer = z.output<typeof MachinetypeAnswer>;

export const Output = z.object({ name: z.string(), size: z.number().describe('bytes'), modifiedAt: time }).meta({ id: 'Output' });
export type Output = z.output<typeof Output>;

const Sighting = z.object({
  id,
  power: z.enum(['starting', 'running', 'paused', 'off', 'failed', 'deleting', 'unknown']),
  cause: z.enum(endCauses).exactOptional(),
  startedAt: time.exactOptional(),
  cpuSeconds: duration.exactOptional(),
  marks: Marks.exactOptional(),
  failure: z.string().exactOptional(),
  lack: Lack.exactOptional(),
  providerId: z.string().exactOptional(),
  zone: z.string().exactOptional(),
  address: z.string().exactOptional(),
});
const CreationFailures = z.object({
  count,
  lastAt: time,
  why: z.string(),
  fault: z.enum(['host', 'provider', 'tenant']).exactOptional(),
  lack: Lack.exactOptional(),
  retryAt: time.exactOptional(),
});
const setOfNames = z.codec(
  z.array(z.string()),
  z.custom<ReadonlySet<string>>((s) => s instanceof Set),
  { decode: (names) => new Set(names), encode: (names) => [...names] },
);
const CloudFacts = z
  .object({
    offer: z
      .object({
        quota: z.object({ processors: count.exactOptional(), machines: count.exactOptional(), memoryMb: z.number().exactOptional() }),
        used: z.object({ processors: count, machines: count }),
        flavors: z.array(Flavor),
      })
      .exactOptional(),
    lease: Lease,
    aliveManagers: setOfNames.exactOptional(),
    missing: mapById(count),
    stalled: mapById(time),
    removals: mapById(z.object({ tries: count, firstAt: time, lastAt: time })),
    failing: CreationFailures.exactOptional(),
  })
  .meta({ id: 'CloudFacts', description: 'Of a space at a cloud.' });
const listed = { at: time, sightings: z.array(Sighting), foreignProcessors: count };

export const Turn = z
  .object({
    observed: z.object({
      now: time,
      host: z.object({
        factory: z.string(),
        processors: count,
        load: figure,
        freeDiskBytes: z.number().exactOptional(),
        journalFault: z.string().exactOptional(),
      }),
      machines: z.array(Machine),
      listing: z.discriminatedUnion('state', [
        z.object({ state: z.literal('complete'), ...listed }),
        z.object({ state: z.literal('partial'), ...listed }),
        z.object({ state: z.literal('unknown'), since: time, why: z.string() }),
      ]),
      inFlight: z.codec(
        z.array(id),
        z.custom<ReadonlySet<MachineId>>((s) => s instanceof Set),
        { decode: (ids) => new Set(ids), encode: (ids) => [...ids] },
      ),
      space: z.array(
        z.object({
          factory: z.string(),
          machinetype: z.string(),
          runningHs06: figure,
          runningMachines: z.number(),
          runningProcessors: z.number(),
          numBeforeFizzle: z.number(),
          shutdownMessage: z.string().exactOptional(),
          shutdownAt: time.exactOptional(),
          usageHs06Hours: z.number().exactOptional(),
        }),
      ),
      silent: z.array(z.string()),
      preparations: mapOf(z.discriminatedUnion('ready', [z.object({ ready: z.literal(true) }), z.object({ ready: z.literal(false), why: z.string() })])),
      creationFailures: mapOf(CreationFailures),
      guestServiceSince: time.exactOptional(),
      recentStarts: z.array(time),
      demand: mapOf(z.union([z.object({ waiting: count, running: count, at: time }), z.object({ unknownSince: time, why: z.string() })])).exactOptional(),
      usage: mapOf(z.number()).exactOptional(),
      cloud: CloudFacts.exactOptional(),
    }),
    decision: Decision,
  })
  .meta({ id: 'Turn', description: 'Everything the factory knew at its last turn, and what it decided.' });

const told = { at: time, space: z.string().exactOptional().describe('where the daemon has spaces at clouds') };
/** One line of `/v1/events`; `fact` depends on `event`. */
export const EventLine = z
  .discriminatedUnion('event', [
    z.object({ event: z.literal('decided'), ...told, fact: Decision }),
    z.object({ event: z.literal('performed'), ...told, fact: z.object({ action: Action, machine: z.string().exactOptional(), took: duration }) }),
    z.object({ event: z.literal('failed'), ...told, fact: z.object({ action: Action, machine: z.string().exactOptional(), error: z.string() }) }),
    z.object({ event: z.literal('finished'), ...told, fact: Machine }),
    z.object({ event: z.literal('closed'), ...told, fact: z.object({ why: z.string() }) }),
  ])
  .meta({ id: 'Event', description: 'One line of JSON.' });
export type EventLine = z.output<typeof EventLine>;

export const Machines = z.object({ machines: z.array(SpaceMachine) }).meta({ id: 'Machines' });
export const Machinetypes = z.object({ machinetypes: z.array(MachinetypeAnswer) }).meta({ id: 'Machinetypes' });
export const Usage = z.object({ usage: z.array(UsageRecord) }).meta({ id: 'Usage' });
export const Outputs = z.object({ outputs: z.array(Output) }).meta({ id: 'Outputs' });
export const Why = z.object({ lines: z.array(z.string()) }).meta({ id: 'Why', description: 'The reasons of the last turn in words.' });
/** `decided` and the facts, as documented in docs for `vacua decide`. */
export const Situation = z.record(z.string(), z.unknown()).meta({ id: 'Situation', description: 'What `vacua decide` reads.' });

export const Switch = z.strictObject({ on: z.boolean() }).meta({ id: 'Switch' });
export const Drained = z.object({ draining: z.boolean().describe('all of the spaces that were meant') }).meta({ id: 'Drained' });
export const Held = z.object({ id, held: z.boolean() }).meta({ id: 'Held' });
export const Destroyed = z
  .object({ id, accepted: z.literal(true) })
  .meta({ id: 'Destroyed', description: 'The end is recorded; it happens in the next turn.' });
