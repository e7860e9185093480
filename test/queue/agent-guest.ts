import { chmod, open, rm } from 'node:fs/promises';

import { dirname } from 'node:path';
import { guestSocketName, type MachineOrder, type Provider } from '../../src/providers/contract.ts';
import { never, until, type World } from '../../src/providers/qemu/test-kit.ts';
import { FakeQueue, type FakeJob } from '../../src/queue/agent/fake-queue.ts';
import { userData } from '../../src/queue/agent/testing.ts';

/** Address of the guest service, where the fake queue answers too. */
const service = 'http://169.254.169.253';

/** Boots the mini guest with the agent as its user data, waits for its last word, and tells what the queue heard. */
export async function runInGuest(
  world: World,
  provider: Provider,
  jobs: readonly FakeJob[],
): Promise<{ readonly queue: FakeQueue; readonly order: MachineOrder }> {
  const order = await world.order();
  await world.handsOf(order.id).close();
  await rm(order.guestSocket, { force: true });
  // Bound through the directory's descriptor: its path may be longer than a socket address.
  const directory = await open(dirname(order.guestSocket), 'r');
  const queue = await FakeQueue.open(`/proc/self/fd/${directory.fd}/${guestSocketName}`);
  await directory.close();
  await chmod(order.guestSocket, 0o666);
  queue.userData = userData(service);
  queue.jobs.push(...jobs);
  await provider.create(order, never());
  await until('the agent has said its last word', () => queue.last('shutdown_message') !== undefined);
  return { queue, order };
}

/** Seconds that the agent takes for a job that does nothing, from one request for a job to the next. */
export function overhead({ requests, times }: FakeQueue): number[] {
  const asked = requests.flatMap((request, i) => (request.includes('/v1/jobs') ? [times[i] ?? 0] : []));
  return asked.slice(1).map((at, i) => (at - (asked[i] ?? 0)) / 1000);
}
