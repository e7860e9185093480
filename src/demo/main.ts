import { chmodSync, mkdirSync, mkdtempSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isLive } from '../core/machine.ts';
import { elapsed, type Instant, instant } from '../core/units.ts';
import { type DemoFactory, type DemoParts, realParts } from './factory.ts';
import { mountsOf, processesOf, removeAbandoned, sweep, writeOwner } from './leftovers.ts';
import { progress } from './progress.ts';
import { queueServer, type QueueServer } from './queue-server.ts';
import { DemoRecord } from './record.ts';
import { Screen, type TerminalStream } from './screen.ts';
import { type Pace, realPace, simulatedPace, siteConfiguration, slots, type TenantName, tenants } from './site.ts';
import { type DemoState, stateOf } from './state.ts';
import { Story } from './story.ts';
import { checks, summary } from './summary.ts';
import { type QueueCounts, TenantQueue } from './tenant-queue.ts';
import { serveTenant } from './tenant.ts';
import { liveView } from './view.ts';

export interface DemoOptions {
  readonly provider: 'qemu' | 'sim';
  /** Leave the directory of the demonstration for inspection. */
  readonly keep: boolean;
  /** Where the live view is drawn; absent: plain progress lines instead. */
  readonly terminal?: TerminalStream;
  readonly colour: boolean;
  /** Prints one line. */
  readonly print: (line: string) => void;
  /** Aborts when a person wants it to end. */
  readonly signal: AbortSignal;
  /** Top of the clone; `var/` in it holds the guest image and the directory of the demonstration. */
  readonly root: string;
}

/** Longest time for machines to end by themselves when everything is done, in milliseconds. */
const farewell = 60_000;
const now = (): Instant => instant(Date.now());

/**
 * The demonstration: a site of one factory with two tenants whose pipes, user data and queues are served by this process.
 * Resolves to 0 when everything held that checks() names, 1 when something did not or a person ended it.
 * Whatever happens, its machines are ended and its directory is removed.
 */
export async function runDemo(options: DemoOptions, parts: DemoParts = realParts): Promise<0 | 1> {
  const varDir = join(options.root, 'var');
  mkdirSync(varDir, { recursive: true });
  await removeAbandoned(varDir, parts.removeMachines, options.print);
  const directory = mkdtempSync(join(varDir, 'demo-'));
  // Machines run under accounts of their own, which must be able to pass through to their directories.
  chmodSync(directory, 0o711);
  writeOwner(directory);
  let ending: Ended;
  try {
    ending = await runIn(directory, options, parts);
  } finally {
    await parts.removeMachines(stateIn(directory));
    if (!options.keep) await patiently(() => processesOf(directory).length === 0, 5000);
  }
  const left = [...processesOf(directory).map((pid) => `process ${pid}`), ...mountsOf(directory).map((path) => `mount ${path}`)];
  if (options.keep) options.print(`kept: ${keep(directory)}`);
  else sweep(directory);
  if (options.signal.aborted) {
    options.print(`ended by request; ${left.length === 0 ? 'nothing is left behind' : `had to end: ${left.join(', ')}`}`);
    return 1;
  }
  for (const line of ['', ...summary({ ...ending, left })]) options.print(line);
  return checks({ ...ending, left }).every((c) => c.held) ? 0 : 1;
}

/** Under a name that later demonstrations do not take for abandoned. */
function keep(directory: string): string {
  const kept = join(dirname(directory), basename(directory).replace('demo-', 'kept-'));
  renameSync(directory, kept);
  return kept;
}

const stateIn = (directory: string): string => join(directory, 'state');

interface Ended {
  readonly state: DemoState;
  readonly record: DemoRecord;
  readonly usage: ReturnType<DemoFactory['view']['usage']>;
  readonly ownCpu: number;
}

/** From the tenants' servers to the last machine. Everything that it has opened is closed when it settles. */
async function runIn(directory: string, options: DemoOptions, parts: DemoParts): Promise<Ended> {
  await using stack = new AsyncDisposableStack();
  const pace = options.provider === 'sim' ? simulatedPace : realPace;
  const server = stack.use(await queueServer(join(directory, 'queue'), pace));
  const queues = new Map<TenantName, TenantQueue>(tenants.map(({ name }) => [name, new TenantQueue(server.client, name)]));
  const ports = await serveTenants(stack, server, pace);
  const stateDir = stateIn(directory);
  const configFile = writeSite({ directory, stateDir, ports, pace, server, options });
  const record = new DemoRecord();
  const startedAt = now();
  const cpuBefore = process.cpuUsage();
  const screen = options.terminal && stack.adopt(new Screen(options.terminal), (s) => s.close());
  const listeners = [record.listener(), ...(screen ? [] : [progress(startedAt, now, options.print)])];
  const order = { configFile, stateDir, provider: options.provider, processors: slots, listeners, accepted: record.accepted };
  const factory = stack.adopt(await parts.startFactory(order), (f) => f.stop());

  const counts = (): Map<TenantName, QueueCounts> => new Map([...queues].map(([name, q]) => [name, q.counts()]));
  const snapshot = (): DemoState =>
    stateOf({
      provider: factory.view.status().provider,
      startedAt,
      machines: factory.view.machines(),
      queues: counts(),
      record,
      why: parts.explain(factory.view),
      now: now(),
    });
  const story = new Story(queues, pace);
  const over = (): boolean => options.signal.aborted || elapsed(startedAt, now()) > pace.deadline;
  const freeze = new Freezer(parts.freeze, options.provider);
  const turn = async (): Promise<void> => {
    story.advance(record);
    await Promise.all([...queues.values()].map((q) => q.refresh()));
    for (const queue of queues.values()) freeze.look(queue.hanging());
    const haveWork = [...queues.values()].every((q) => q.counts().waiting > 0);
    record.sample(factory.view.machines(), slots, haveWork, now());
    if (screen && options.terminal) screen.draw(liveView(snapshot(), screen.width, screen.height, options.colour));
  };
  let draining = false;
  while (!over() && !story.done()) {
    await turn();
    if (draining !== story.closing()) await factory.view.drain((draining = !draining));
    await pause(options.signal);
  }
  if (!options.signal.aborted && !draining) await factory.view.drain(true);
  const until = Date.now() + farewell;
  while (!options.signal.aborted && Date.now() < until && factory.view.machines().some(isLive)) {
    await turn();
    await pause(options.signal);
  }
  const { user, system } = process.cpuUsage(cpuBefore);
  return { state: snapshot(), record, usage: factory.view.usage(), ownCpu: (user + system) / 1e6 };
}

async function serveTenants(stack: AsyncDisposableStack, { port }: QueueServer, pace: Pace): Promise<ReadonlyMap<TenantName, number>> {
  const ports = new Map<TenantName, number>();
  const queueUrl = `http://169.254.169.253:${port}`;
  for (const { name } of tenants) ports.set(name, stack.use(await serveTenant({ ...pace, maxWallclock: pace.maxWallclock[name], name, queueUrl })).port);
  return ports;
}

/** Stops the machine on which a job is to hang: from then on it does nothing, and says nothing. Simulated ones hang by themselves. */
class Freezer {
  readonly #freeze: DemoParts['freeze'];
  readonly #frozen = new Set<string>();
  readonly #provider: DemoOptions['provider'];
  constructor(freeze: DemoParts['freeze'], provider: DemoOptions['provider']) {
    this.#freeze = freeze;
    this.#provider = provider;
  }
  look(machine: string | undefined): void {
    if (machine === undefined || this.#provider === 'sim' || this.#frozen.has(machine)) return;
    this.#frozen.add(machine);
    this.#freeze(machine);
  }
}

interface SiteFiles {
  readonly directory: string;
  readonly stateDir: string;
  readonly ports: ReadonlyMap<TenantName, number>;
  readonly pace: Pace;
  readonly server: QueueServer;
  readonly options: DemoOptions;
}

/** Writes the site's configuration and, for simulated machines, stand-ins for its images. */
function writeSite({ directory, stateDir, ports, pace, server, options }: SiteFiles): string {
  const images = options.provider === 'sim' ? directory : join(options.root, 'var', 'guest');
  const kernel = join(images, 'vmlinuz');
  const initrd = join(images, 'initrd');
  if (options.provider === 'sim') {
    // Nothing is booted, but images are checked for what they claim to be.
    writeFileSync(kernel, '\u007FELF stands for a kernel');
    writeFileSync(initrd, '070701 stands for a cpio archive');
  }
  const file = join(directory, 'vac.conf');
  writeFileSync(file, siteConfiguration({ pace, provider: options.provider, stateDir, kernel, initrd, ports, queuePort: server.port, keyOf: server.keyOf }));
  return file;
}

/** Between two looks; ends at once when a person wants to stop. */
const pause = (signal: AbortSignal): Promise<void> => sleep(100, undefined, { signal }).catch(() => undefined);

/** Waits until the condition holds, at most `limit` milliseconds. */
async function patiently(condition: () => boolean, limit: number): Promise<void> {
  for (const until = Date.now() + limit; Date.now() < until && !condition(); ) await sleep(50);
}
