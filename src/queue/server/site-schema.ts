import { z } from 'zod';
import { environmentStates } from '../../core/environment/environment.ts';

const count = z.int();
const range = z.object({ min: z.number(), max: z.number() });

export const Environments = z
  .object({
    environments: z.array(
      z.object({
        name: z.string(),
        tags: z.array(z.string()).describe('all that a job may ask for'),
        appName: z.string(),
        appVersion: z.string(),
        os: z.object({ family: z.string(), name: z.string(), version: z.string() }),
        platform: z.string(),
        processors: range,
        memoryMb: range.describe('MiB'),
        diskGb: range.describe('10^9 bytes'),
        cost: z.number(),
        maxInstances: count,
        maxWall: z.number().describe('seconds'),
        vos: z.array(z.string()),
        native: z.boolean(),
        state: z.enum(environmentStates),
        running: count,
        waiting: count,
      }),
    ),
  })
  .meta({ id: 'Environments' });

const jobs = z.object({ waiting: count, running: count });
export const DemandAnswer = z
  .object({ tenant: z.string(), environments: z.record(z.string(), jobs), unbound: jobs.describe('jobs that need no environment') })
  .meta({ id: 'Demand' });

export const MatchAnswer = z
  .object({
    matches: z.array(
      z.object({
        environment: z.string(),
        matches: z.boolean(),
        why: z.string().exactOptional().describe('the first thing against it'),
        full: z.boolean().describe('it has its greatest number of machines now'),
      }),
    ),
  })
  .meta({ id: 'Match', description: 'Every environment, those that could run the job first, each in the order of preference.' });
