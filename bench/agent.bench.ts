import { World } from '../src/providers/qemu/test-kit.ts';
import { missingTools } from '../src/providers/qemu/tools.ts';
import { overhead, runInGuest } from '../test/queue/agent-guest.ts';
import { atMost, type Bench, median, notMeasured, quantile } from './result.ts';

const jobs = 21;
const name = 'agent, per job that does nothing, in the mini guest';

/** From one request for a job to the next, in a guest that runs one agent alone; the first job is not counted. */
export const run: Bench = async () => {
  if (missingTools(['always', 'namespace']).length > 0) return [notMeasured(name, 's', 'QEMU or its tools are not installed')];
  const world = await World.make();
  try {
    const { queue } = await runInGuest(
      world,
      await world.provider(),
      Array.from({ length: jobs }, () => ({ script: 'true' })),
    );
    await queue[Symbol.asyncDispose]();
    const taken = overhead(queue).slice(1);
    return [atMost(name, median(taken), 's', 0.3, { note: `p90 ${quantile(taken, 0.9).toFixed(2)} s` })];
  } finally {
    await world.close();
  }
};
