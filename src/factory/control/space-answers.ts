import { z } from 'zod';
import { duration, figure, time } from './codec.ts';

/** Bodies of the control API that speak of the whole space. */

const count = z.number();

const PeerStatus = z
  .object({
    factory: z.string(),
    machinetype: z.string(),
    runningHs06: figure,
    runningMachines: count,
    runningProcessors: count,
    numBeforeFizzle: count,
    shutdownMessage: z.string().exactOptional(),
    shutdownAt: time.exactOptional(),
    usageHs06Hours: z.number().exactOptional(),
  })
  .meta({ id: 'PeerStatus', description: 'What one factory runs of one machinetype, times on the clock of the factory that tells it.' });

const FactoryFacts = z
  .object({
    site: z.string(),
    daemonVersion: z.string(),
    runningProcessors: count,
    runningMachines: count,
    runningHs06: count,
    maxProcessors: count,
    maxMachines: count,
    maxHs06: count,
    loadAverage15: count,
    rootDiskAvailKb: count,
    rootDiskAvailInodes: count,
    daemonDiskAvailKb: count,
    daemonDiskAvailInodes: count,
    kernelVersion: z.string(),
    osIssue: z.string(),
    bootTime: time,
    factoryHeartbeat: time,
    responderHeartbeat: time,
    mjfHeartbeat: time,
    metadataHeartbeat: time,
    swapUsedKb: count,
    swapFreeKb: count,
    memUsedKb: count,
    memTotalKb: count,
  })
  .meta({ id: 'FactoryFacts', description: '`factory_status` of VacQuery; sizes in KiB.' });

const MachinetypeFacts = z
  .object({
    machinetype: z.string(),
    fqan: z.string().exactOptional(),
    runningHs06: count,
    runningMachines: count,
    runningProcessors: count,
    numBeforeFizzle: count,
    shutdownMessage: z.string().exactOptional(),
    shutdownAt: time.exactOptional(),
    shutdownMachine: z.string().exactOptional(),
    bytesPerProcessor: count,
    minWallclock: duration,
    maxWallclock: duration,
    minProcessors: count,
    maxProcessors: count,
    usage: z.number().exactOptional(),
  })
  .meta({ id: 'MachinetypeFacts', description: '`machinetype_status` of VacQuery.' });

const SlotFacts = z
  .object({
    machine: z.string(),
    state: z.enum(['Shut down', 'Starting', 'Running', 'Paused']),
    machineModel: z.string().exactOptional(),
    uuid: z.string().exactOptional(),
    machinetype: z.string().exactOptional(),
    fqan: z.string().exactOptional(),
    createdAt: time.exactOptional(),
    startedAt: time.exactOptional(),
    heartbeatAt: time.exactOptional(),
    processors: count,
    cpuSeconds: duration,
    cpuPercent: count,
    hs06: count,
    shutdownMessage: z.string().exactOptional(),
    shutdownAt: time.exactOptional(),
  })
  .meta({ id: 'SlotFacts', description: '`machine_status` of VacQuery: one slot.' });

const FactoryReport = z
  .object({
    factory: z.string(),
    address: z.string().exactOptional(),
    heardAt: time.exactOptional().describe('last believed answer'),
    silentSince: time.exactOptional().describe('absent: it answers'),
    nextTry: time.exactOptional(),
    why: z.string().exactOptional(),
    version: z.string().exactOptional(),
    asked: count.exactOptional().describe('rounds'),
    unanswered: count.exactOptional().describe('rounds in which nothing came'),
    rejected: count.exactOptional().describe('messages of it, or in its name, that were not believed'),
    machinetypes: z.array(PeerStatus).describe('of its last answer; those of a silent factory do not count'),
    facts: FactoryFacts.exactOptional(),
    factsAt: time.exactOptional(),
  })
  .meta({ id: 'FactoryReport' });

export const SpaceReport = z
  .object({
    space: z.string(),
    factory: z.string(),
    at: time,
    port: count,
    factories: z.array(FactoryReport),
    ignored: z.record(z.string(), count).describe('datagrams that were not believed, by why'),
    problems: z.array(z.string()).exactOptional().describe('what keeps this factory from its space'),
    strangers: z
      .array(z.object({ address: z.string(), why: z.string(), count, at: time }))
      .exactOptional()
      .describe('hosts that sent what was not believed, latest last'),
    key: z.string().exactOptional().describe('fingerprint of the key that this factory signs with'),
  })
  .meta({ id: 'Space', description: 'What this factory knows of its space.' });

export const FactoryAnswer = z
  .object({
    factory: z.string(),
    answered: z.enum(['complete', 'partial', 'silent']),
    version: z.string(),
    factoryFacts: FactoryFacts.exactOptional(),
    machinetypes: z.array(MachinetypeFacts),
    machines: z.array(SlotFacts),
  })
  .meta({ id: 'FactoryAnswer' });

export const SpaceAnswers = z
  .object({ askedAt: time, answers: z.array(FactoryAnswer) })
  .meta({ id: 'SpaceAnswers', description: 'What factories answered to one question of VacQuery; silent ones have an entry too.' });
