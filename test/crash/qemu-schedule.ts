import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Machine } from '../../src/core/machine.ts';
import { layout } from '../../src/factory/layout.ts';
import { stepNames } from '../../src/factory/loop-parts.ts';
import { QemuProvider } from '../../src/providers/qemu/index.ts';
import { guestImages } from '../../src/providers/qemu/guest-images.ts';
import { seeded } from '../../src/providers/sim/script.ts';
import { journalOf } from './daemon.ts';

const slots = 3;
const lookMilliseconds = 50;
/** Steps that a few lives with real machines reach; nothing is forgotten so soon. */
const steps = stepNames.filter((name) => !name.startsWith('forget:'));

/** Every boot leaves a mark of its own; work takes a few seconds and is reported. Waits for a daemon that is away. */
const work = `#!/bin/sh
put() {
  printf '%s' "$2" >body
  until [ "$(curl -s -m 5 -o /dev/null -w '%{http_code}' -T body http://169.254.169.253/joboutputs/$1)" = 201 ]; do sleep 1; done
}
put boot-$(cut -c1-8 /proc/sys/kernel/random/uuid) booted
sleep 4
put shutdown_message '200 Success'
`;
/** A guest that never gives a sign of life, and has to be ended for it. */
const mute = '#!/bin/sh\nsleep 100000\n';

function site(directory: string): { readonly config: string; readonly stateDir: string } {
  const stateDir = join(directory, 'state');
  const { kernel, initrd } = guestImages();
  for (const [name, text] of Object.entries({ work, mute })) {
    mkdirSync(layout(stateDir).machinetype(name), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
  const machinetype = (name: string, share: number, ...more: readonly string[]): string[] => [
    `[machinetype ${name}]`,
    `target_share = ${share}`,
    'machine_model = kernel',
    `root_image = ${kernel}`,
    `initrd = ${initrd}`,
    `user_data = ${join(directory, name)}`,
    'backoff_seconds = 0',
    'kernel_arguments = quiet panic=0',
    ...more,
  ];
  const config = join(directory, 'vac.conf');
  const lines = [
    '[settings]',
    'vac_space = crash.example.com',
    'factory_name = host.example.com',
    'provider = qemu',
    'accelerator = tcg',
    `state_dir = ${stateDir}`,
    `total_processors = ${slots}`,
    'mb_per_processor = 96',
    'overload_per_processor = 1000000',
    'min_free_disk_gb = 0',
    'start_rate_per_minute = 1000',
    'cycle_seconds = 1',
    'outbound = no',
    ...machinetype('work', 3, 'fizzle_seconds = 0'),
    ...machinetype('mute', 1, 'fizzle_seconds = 2', 'heartbeat_file = heartbeat', 'heartbeat_seconds = 2'),
  ];
  writeFileSync(config, `${lines.join('\n')}\n`);
  return { config, stateDir };
}

/** Names of programs that run inside machine directories, per machine. */
function processes(machines: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const cwd = readlinkSync(`/proc/${pid}/cwd`);
      if (!cwd.startsWith(`${machines}/`)) continue;
      const id = cwd.slice(machines.length + 1).split('/')[0] ?? '';
      found.set(id, [...(found.get(id) ?? []), readFileSync(`/proc/${pid}/comm`, 'latin1').trim()]);
    } catch {
      // ended meanwhile, or not ours to look at
    }
  }
  return found;
}

const isQemu = (program: string): boolean => program.startsWith('qemu-system');

/** Never two hypervisors for one machine, nor more machines than slots. */
function watchFor(machines: string, broken: Set<string>): void {
  const busy = [...processes(machines)].map(([id, programs]) => [id, programs.filter(isQemu).length] as const).filter(([, n]) => n > 0);
  for (const [id, n] of busy) if (n > 1) broken.add(`double: ${n} hypervisors for ${id}`);
  if (busy.length > slots) broken.add(`over capacity: ${busy.length} machines run in ${slots} slots`);
}

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly said: string;
}

async function live(config: string, machines: string, step: string, passage: number, broken: Set<string>): Promise<Ended> {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'qemu-child.ts'), config, String(slots), step, String(passage)],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const ended = new Promise<Ended>((resolve) => child.on('close', (code, signal) => resolve({ code, signal, said })));
  while (child.exitCode === null && child.signalCode === null) {
    watchFor(machines, broken);
    await pause(lookMilliseconds);
  }
  return ended;
}

/** What guests themselves left, against what the factory wrote down. */
function auditMachine(m: Machine, stateDir: string, usage: number): string[] {
  const outputs = layout(stateDir).joboutputs(m.id);
  const boots = existsSync(outputs) ? readdirSync(outputs).filter((name) => name.startsWith('boot-')).length : 0;
  if (m.state !== 'finished') return [`unfinished: ${m.id} is ${m.state}`];
  const broken: string[] = [];
  if (boots > 1) broken.push(`restarted: ${m.id} booted ${boots} times`);
  if (boots > 0 && usage !== 1) broken.push(`usage: ${m.id} booted and has ${usage} usage records`);
  if (usage > 1) broken.push(`usage: ${m.id} has ${usage} usage records`);
  if (m.machinetype === 'work' && usage === 1 && m.outcome.code !== 200) broken.push(`harm: ${m.id} ended with ${JSON.stringify(m.outcome)}`);
  return broken;
}

/** Kills a whole daemon `kills` times at seeded steps while real machines come, work and go; rejects with what was broken. */
export async function playWithQemu(seed: number, kills: number): Promise<{ readonly machines: number; readonly worked: number }> {
  const random = seeded(seed);
  const directory = mkdtempSync(join(tmpdir(), 'vacua-qemu-crash-'));
  const { config, stateDir } = site(directory);
  const { machines } = layout(stateDir);
  const broken = new Set<string>();
  try {
    for (let life = 0; life < kills; life++) {
      const step = steps[life % steps.length] ?? 'turn:observed';
      const ended = await live(config, machines, step, 1 + Math.floor(random() * 2), broken);
      assert.equal(ended.signal, 'SIGKILL', `life ${life}, to die at ${step}, ended with ${ended.code}: ${ended.said}`);
    }
    const last = await live(config, machines, 'last', 0, broken);
    assert.equal(last.code, 0, `last life: ${last.signal ?? ''} ${last.said}`);

    const journal = journalOf(stateDir);
    const records = journal.machines();
    const usage = journal.usage();
    journal.close();
    for (const m of records) for (const line of auditMachine(m, stateDir, usage.filter((u) => u.id === m.id).length)) broken.add(line);
    for (const [id, programs] of processes(machines)) broken.add(`leak: ${programs.join(' ')} of ${id}`);
    for (const id of readdirSync(machines)) if (existsSync(join(machines, id, 'provider'))) broken.add(`leak: files of the provider of ${id}`);
    assert.deepEqual([...broken], []);
    return { machines: records.length, worked: usage.filter((u) => u.outcome.code === 200).length };
  } finally {
    await removeAll(stateDir);
    rmSync(directory, { recursive: true, force: true });
  }
}

/** After a failure there may be machines; after success there are none. */
async function removeAll(stateDir: string): Promise<void> {
  const { signal } = new AbortController();
  const provider = new QemuProvider({ stateDir, accelerator: 'tcg', network: 'auto' });
  await provider.open(signal);
  for (const { id } of (await provider.list(signal)).sightings) await provider.destroy(id, signal);
  await provider.close();
}
