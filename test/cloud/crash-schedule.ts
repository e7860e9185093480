import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Machine } from '../../src/core/machine.ts';
import { layout } from '../../src/factory/layout.ts';
import { journalOf } from '../crash/daemon.ts';
import type { Project } from './project.ts';
import { freePort, guestStart, spaceText } from './space-text.ts';
import { Watch } from './watch.ts';

const machinesLimit = 2;

/** Boundaries of the loop at which a machine at a cloud comes or goes, and those between a request to the cloud and its answer. */
export const boundaries = [
  'record:done',
  'create:begin',
  'create:attached',
  'post:sent',
  'create:accepted',
  'end:begin',
  'end:asked',
  'finish:begin',
  'finish:done',
  'destroy:begin',
  'delete:sent',
  'destroy:done',
] as const;

/** Every boot leaves a mark of its own; work takes a few seconds and is reported. */
const work = `${guestStart}put boot-$(cut -c1-8 /proc/sys/kernel/random/uuid) booted
sleep 4
put shutdown_message '200 Success'
poweroff -f
`;
/** A guest that never gives a sign of life, and has to be ended for it. */
const mute = '#!/bin/sh\nsleep 100000\n';

interface Played {
  readonly machines: number;
  readonly worked: number;
}

class Play {
  readonly #project: Project;
  readonly #directory = mkdtempSync(join(tmpdir(), 'vacua-cloud-crash-'));
  readonly #broken = new Set<string>();

  constructor(project: Project) {
    this.#project = project;
  }

  get #config(): string {
    return join(this.#directory, 'vac.conf');
  }
  get #space(): string {
    return `${this.#project.name}.example.com`;
  }
  get #stateDir(): string {
    return layout(join(this.#directory, 'state')).space(this.#space);
  }

  async #write(): Promise<void> {
    const file = (name: string): string => join(this.#directory, name);
    writeFileSync(file('password'), `${this.#project.password}\n`, { mode: 0o600 });
    for (const [name, text] of Object.entries({ work, mute })) writeFileSync(file(name), text);
    const section = { project: this.#project, space: this.#space, passwordFile: file('password'), guestPort: await freePort(), machinesLimit };
    const machinetype = (name: string, share: number, ...more: readonly string[]): string =>
      [
        `[machinetype ${this.#space} ${name}]`,
        `target_share = ${share}`,
        'root_image = image:tiny',
        'flavor_names = t1.nano',
        'mb_per_processor = 96',
        `user_data = ${file(name)}`,
        'backoff_seconds = 0',
        'max_wallclock_seconds = 3600',
        ...more,
        '',
      ].join('\n');
    const text = [
      `[settings]\nfactory_name = manager.${this.#space}\nstate_dir = ${file('state')}\ncycle_seconds = 2\nmin_free_disk_gb = 0\n`,
      spaceText(section),
      machinetype('work', 1, 'fizzle_seconds = 0'),
      machinetype('mute', 1, 'fizzle_seconds = 2', 'heartbeat_file = heartbeat', 'heartbeat_seconds = 5'),
    ];
    writeFileSync(this.#config, text.join('\n'), { mode: 0o600 });
    mkdirSync(file('state'));
  }

  async #live(
    boundary: string,
  ): Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null; readonly said: string; readonly took: number }> {
    const began = performance.now();
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'crash-child.ts'), this.#config, boundary], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    const closed = new Promise<void>((resolve) => child.on('close', () => resolve()));
    await closed;
    return { code: child.exitCode, signal: child.signalCode, said, took: (performance.now() - began) / 1000 };
  }

  /** The end of the log, for a person who has to find out why. */
  #lastWords(): string {
    return readFileSync(layout(join(this.#directory, 'state')).log, 'utf8')
      .split('\n')
      .slice(-8)
      .join('\n');
  }

  /** What guests themselves left, against what the manager wrote down. */
  #audit(m: Machine, usage: number): void {
    const boots = readdirSync(layout(this.#stateDir).joboutputs(m.id)).filter((name) => name.startsWith('boot-')).length;
    if (m.state !== 'finished') this.#broken.add(`unfinished: ${m.id} is ${m.state}`);
    if (boots > 1) this.#broken.add(`restarted: ${m.id} booted ${boots} times`);
    if (boots > 0 && usage !== 1) this.#broken.add(`usage: ${m.id} booted and has ${usage} usage records`);
    if (usage > 1) this.#broken.add(`usage: ${m.id} has ${usage} usage records`);
    if (boots > 0 && m.state === 'finished' && m.outcome.code !== 200) this.#broken.add(`harm: ${m.id} ended with ${JSON.stringify(m.outcome)}`);
  }

  async run(tell: (line: string) => void): Promise<Played> {
    await using watch = new Watch(this.#project, machinesLimit);
    try {
      await this.#write();
      for (const boundary of boundaries) {
        const { code, signal, said, took } = await this.#live(boundary);
        assert.equal(signal, 'SIGKILL', `to die at ${boundary}, it ended with ${signal ?? code}: ${said}${this.#lastWords()}`);
        tell(`${boundary}: killed after ${took.toFixed(1)} s`);
      }
      const last = await this.#live('last');
      assert.equal(last.code, 0, `last life: ${last.signal ?? ''} ${last.said}${this.#lastWords()}`);
      tell(`drained after ${last.took.toFixed(1)} s`);
      assert.deepEqual(
        (await this.#project.servers()).map((s) => `orphan: ${s.name} ${s.status}`),
        [],
      );
      return this.#records(watch);
    } finally {
      rmSync(this.#directory, { recursive: true, force: true });
    }
  }

  #records(watch: Watch): Played {
    const journal = journalOf(this.#stateDir);
    const [records, usage] = [journal.machines(), journal.usage()];
    journal.close();
    for (const m of records) this.#audit(m, usage.filter((u) => u.id === m.id).length);
    for (const id of watch.machines)
      if (!records.some((m) => m.id === id)) this.#broken.add(`orphan: there was a server for ${id}, of which there is no record`);
    assert.deepEqual([...this.#broken, ...watch.broken], []);
    return { machines: records.length, worked: usage.filter((u) => u.outcome.code === 200).length };
  }
}

/** Kills a whole daemon once at every boundary while real servers come, work and go; rejects with what was broken. */
export const playWithCloud = (project: Project, tell: (line: string) => void): Promise<Played> => new Play(project).run(tell);
