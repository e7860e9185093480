import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { TestContext } from 'node:test';
import { renderUserData } from '../../core/guest/template.ts';
import { FakeQueue } from './fake-queue.ts';

export const agentText = readFileSync(new URL('agent.sh', import.meta.url), 'utf8');

/** Shells and tools that a guest may have: busybox alone, and Debian's. */
export const flavours = ['busybox', 'debian'] as const;
export type Flavour = (typeof flavours)[number];

export interface Machine {
  readonly queue: FakeQueue;
  readonly directory: string;
  readonly said: () => string;
  /** Resolves with the last word when the agent has ended. */
  readonly ended: Promise<string | undefined>;
  signal(name: NodeJS.Signals): void;
}

export interface MachineOptions {
  readonly flavour?: Flavour;
  readonly token?: string;
  /** Another queue than the fake one, which then only plays the factory. */
  readonly queue?: string;
  /** Seconds that the queue may keep it waiting. */
  readonly wait?: number;
  /** Command and arguments in front of the shell. */
  readonly inside?: readonly string[];
  readonly prepare?: (queue: FakeQueue) => void;
  /** Looks at its features every so many seconds instead of every 60. */
  readonly lookEvery?: number;
}

/** The agent's user data for a queue, harmless to the host that runs it: powering off is a file. */
export function userData(url: string, { token = 'a.b.c', lookEvery = 60, queue = `${url}/q`, wait = 30 }: Omit<MachineOptions, 'flavour'> = {}): string {
  const harmless = changed(agentText, 'power_off() { poweroff; (nap 30; poweroff -f) & }', 'power_off() { : >"$0.off"; }');
  const own = changed(harmless, 'for private in /run /dev/shm "$base"', 'for private in "$TMPDIR/../run"');
  const text = changed(own, 'look_again=$((now + 60))', `look_again=$((now + ${lookEvery}))`);
  const values = {
    machinefeatures_url: `${url}/machine`,
    jobfeatures_url: `${url}/job`,
    joboutputs_url: `${url}/outputs`,
    option_queue: queue,
    option_queue_wait: String(wait),
    option_queue_token: token,
  };
  return Buffer.from(renderUserData(text, new Map(Object.entries(values)))).toString('latin1');
}

function changed(text: string, from: string, to: string): string {
  if (!text.includes(from)) throw new Error(`agent.sh has no ${from}`);
  return text.replace(from, () => to);
}

/** Runs the agent as a machine of that flavour would, against a fake queue. Everything goes with the test. */
export async function machine(t: TestContext, options: MachineOptions = {}): Promise<Machine> {
  const directory = await mkdtemp(join(tmpdir(), 'vacua-agent-'));
  const queue = await FakeQueue.open();
  options.prepare?.(queue);
  await chmod(directory, 0o711);
  await mkdir(join(directory, 'tmp'));
  await mkdir(join(directory, 'run'));
  await chmod(join(directory, 'tmp'), 0o1777);
  const script = join(directory, 'user_data');
  await writeFile(script, userData(queue.url, options));
  const [shell, path] = options.flavour === 'debian' ? [['dash'], '/usr/bin:/bin:/usr/sbin:/sbin'] : [['busybox', 'sh'], await busyboxTools(directory)];
  const [command = '', ...args] = [...(options.inside ?? []), ...shell, script];
  const child = spawn(command, args, { env: { PATH: path, TMPDIR: join(directory, 'tmp') }, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (said += text));
  const ended = new Promise<string | undefined>((resolve) => child.once('close', () => resolve(queue.last('shutdown_message'))));
  t.after(async () => {
    endGroup(child);
    await queue[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  });
  return { queue, directory, said: () => said, ended, signal: (name) => void child.kill(name) };
}

/** Busybox and nothing else, without what would end the host. */
async function busyboxTools(directory: string): Promise<string> {
  const tools = join(directory, 'bin');
  await mkdir(tools);
  await chmod(tools, 0o755);
  const busybox = spawnSync('which', ['busybox'], { encoding: 'utf8' }).stdout.trim();
  const applets = spawnSync(busybox, ['--list'], { encoding: 'utf8' }).stdout.trim().split('\n');
  const deadly = ['poweroff', 'reboot', 'halt', 'init', 'linuxrc', 'killall'];
  await Promise.all(applets.filter((applet) => !deadly.includes(applet)).map((applet) => symlink(busybox, join(tools, applet))));
  return tools;
}

function endGroup({ pid, exitCode, signalCode }: ChildProcess): void {
  if (pid === undefined || exitCode !== null || signalCode !== null) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // gone meanwhile
  }
}

/** Polls until the condition holds; rejects after a minute with what the agent has said. */
export async function until(what: string, m: Machine, condition: () => boolean): Promise<void> {
  for (const end = performance.now() + 60_000; !condition(); await pause(10)) {
    if (performance.now() > end) throw new Error(`not within a minute: ${what}\n${m.said()}\n${m.queue.requests.join('\n')}`);
  }
}
