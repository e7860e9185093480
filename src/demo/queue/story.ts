import { basename } from 'node:path';
import type { JobDocument } from '../../queue/client/client.ts';
import { fateOf, fault } from './accounts.ts';
import { rightOutput, writeJobs, type JobKind } from './work.ts';
import type { ServerName, World } from './world.ts';

export interface Size {
  /** Jobs of each of the two sweeps. */
  readonly pi: number;
  readonly collatz: number;
}

/** s that a step may take; nothing here is about speed. */
const patience = 240;

interface Submitted {
  readonly kind: JobKind;
  /** Value of the sweep; 0: there is none. */
  readonly n: number;
}

/** What happens to the queue, the machines and the jobs, and what must hold at each step. */
export class Story {
  readonly #world: World;
  readonly #size: Size;
  readonly #tick: () => Promise<boolean>;
  readonly #jobs = new Map<string, Submitted>();
  #path: (kind: JobKind) => string = () => '';

  /** `tick`: one look and a pause; false when a person wants it to end. */
  constructor(world: World, size: Size, tick: () => Promise<boolean>) {
    this.#world = world;
    this.#size = size;
    this.#tick = tick;
  }

  async play(): Promise<void> {
    const world = this.#world;
    this.#path = writeJobs(world.places.jobs);
    for (const act of [
      () => this.#submit(),
      () => this.#explain(),
      () => this.#powerFailure(),
      () => this.#killed('queue', 0.1),
      () => this.#killed('factory', 0.3),
      () => this.#drain(),
      () => this.#account(),
    ]) {
      if (world.options.signal.aborted) return;
      await act();
    }
  }

  async #submit(): Promise<void> {
    const { pi, collatz } = this.#size;
    this.#act('submit: two sweeps, and jobs that will have trouble, with `vacua job submit`');
    for (const kind of ['killed', 'once', 'fails', 'hangs', 'nobody', 'union'] as const) await this.#submitOne(kind);
    await this.#submitOne('pi', 'seed', 20_001, pi);
    await this.#submitOne('collatz', 'start', 1001, collatz);
    this.#world.check('jobs are submitted', this.#jobs.size === pi + collatz + 6, `${this.#jobs.size}`);
  }

  async #submitOne(kind: JobKind, name?: string, first = 0, count = 1): Promise<void> {
    const sweep = name === undefined ? [] : ['--sweep', `${name}=${first}..${first + count - 1}`];
    const { code, stdout, stderr } = await this.#world.vacua('job', 'submit', this.#path(kind), '--tenant', 'red', '--json', ...sweep);
    if (code !== 0) throw new Error(`vacua job submit ${kind}: ${stderr}`);
    const { ids } = JSON.parse(stdout) as { readonly ids: readonly string[] };
    ids.forEach((id, i) => this.#jobs.set(id, { kind, n: name === undefined ? 0 : first + i }));
  }

  async #explain(): Promise<void> {
    this.#act('explain: `vacua job match` says why no environment can run two of them');
    for (const [kind, words] of [
      ['nobody', /slc4-gcc-3\.4/],
      ['union', /VO-red-collatz-2\.1/],
    ] as const) {
      const { code, stdout } = await this.#world.vacua('job', 'match', this.#path(kind), '--tenant', 'red');
      for (const line of stdout.trimEnd().split('\n')) this.#world.say(`${basename(this.#path(kind))}: ${line}`);
      this.#world.check(`job match tells what is in the way of "${kind}"`, code === 1 && words.test(stdout), stdout.trim().split('\n').at(-1));
    }
  }

  async #powerFailure(): Promise<void> {
    this.#act('power failure: two machines are gone in mid-job');
    for (const kind of ['killed', 'once'] as const) {
      const id = this.#idOf(kind);
      const held = await this.#until(() => this.#world.machineOf(id) !== undefined);
      const machine = this.#world.machineOf(id);
      const gone = held && machine !== undefined && this.#world.pullPlug(machine);
      this.#world.check(`the machine of "${kind}" is killed while the job runs`, gone, machine?.slice(0, 8));
    }
  }

  /** When this part of the jobs has ended, and machines are at work. */
  async #killed(name: ServerName, part: number): Promise<void> {
    const world = this.#world;
    const due = (): boolean => this.#count('done') >= part * this.#jobs.size;
    await this.#until(() => due() && world.live.length > 0 && this.#count('running') > 0);
    this.#act(`kill -9 of the ${name}, and a new start`);
    const before = world.live.map((m) => m.id);
    await world.kill(name);
    const kept = new Map(world.jobs);
    if (!(await this.#tick())) return;
    await world.start(name);
    await world.look();
    if (name === 'queue') {
      const lost = [...kept.values()].filter((job) => !world.jobs.has(job.id) || (fateOf(job) === 'done' && this.#fate(job.id) !== 'done'));
      world.check('the queue has lost no job and no result', lost.length === 0, `${world.jobs.size} jobs`);
    } else {
      const known = new Set(world.machines.map((m) => m.id));
      world.check(
        'the factory knows its machines again',
        before.every((id) => known.has(id)),
        `${before.length} lived`,
      );
    }
    const now = this.#count('done');
    world.check(`work goes on after the ${name} was killed`, await this.#until(() => this.#count('done') > now || this.#open().length === 0));
  }

  async #drain(): Promise<void> {
    const world = this.#world;
    this.#act('drain: all jobs end, then all machines');
    const impossible = ['nobody', 'union'] as const;
    const ended = await this.#until(() => this.#open().length <= impossible.length, patience * 2);
    const waiting = impossible.every((kind) => this.#fate(this.#idOf(kind)) === 'waiting');
    world.check('all jobs have ended but the two that nobody can run', ended && waiting, this.#summary());
    const { code } = await world.vacua('job', 'cancel', ...impossible.map((kind) => this.#idOf(kind)));
    world.check('these wait until they are cancelled', code === 0);
    world.check('machines end by themselves when there is no work', await this.#until(() => world.machines.length > 0 && world.live.length === 0));
  }

  async #account(): Promise<void> {
    const world = this.#world;
    this.#act('accounts: each job once, each output recomputed');
    await world.look();
    const faults: string[] = [];
    const wrong: string[] = [];
    let right = 0;
    for (const [id, { kind, n }] of this.#jobs) {
      const job = world.jobs.get(id);
      const found = job === undefined ? `${kind} ${id} is unknown to the queue` : fault(kind, job, await world.client.history(id));
      if (found !== undefined) faults.push(found);
      if (job === undefined || fateOf(job) !== 'done') continue;
      const text = await this.#output(job);
      if (text === rightOutput(kind, n, job.runs)) right++;
      else wrong.push(`${kind} ${id}: ${JSON.stringify(text.slice(0, 60))}`);
    }
    const strangers = [...world.jobs.keys()].filter((id) => !this.#jobs.has(id));
    world.check('every job is accounted for exactly once', faults.length + strangers.length === 0, faults.slice(0, 3).join('; ') || this.#summary());
    world.check('every output is right', wrong.length === 0 && right > 0, wrong.slice(0, 3).join('; ') || `${right} recomputed`);
    const said = await world.vacua('job', 'output', this.#idOf('killed'), 'out.txt');
    world.check('`vacua job output` shows the run that counts', /^run [2-9]\n$/.test(said.stdout), said.stdout.trim());
    const started = world.machines.filter((m) => 'startedAt' in m && m.startedAt !== undefined).length;
    const usage = await world.control.usage();
    world.check('one usage record for each machine', usage.length === started, `${started} machines`);
    const kinds = new Set([...world.jobs.values()].flatMap((job) => job.run?.machinetype ?? []));
    world.check('machines of two environments have worked', kinds.size === 2, [...kinds].join(', '));
  }

  async #output(job: JobDocument): Promise<string> {
    const parts: Uint8Array[] = [];
    try {
      for await (const part of await this.#world.client.output(job.id, 'out.txt')) parts.push(part);
    } catch (error) {
      return String(error);
    }
    return Buffer.concat(parts).toString('utf8');
  }

  #act(text: string): void {
    this.#world.act = text;
    this.#world.say(text);
  }
  #idOf(kind: JobKind): string {
    const [id] = [...this.#jobs].find(([, job]) => job.kind === kind) ?? [];
    if (id === undefined) throw new Error(`no job "${kind}" was submitted`);
    return id;
  }
  #fate(id: string): ReturnType<typeof fateOf> | undefined {
    const job = this.#world.jobs.get(id);
    return job && fateOf(job);
  }
  #count(fate: ReturnType<typeof fateOf>): number {
    return [...this.#world.jobs.values()].filter((job) => fateOf(job) === fate).length;
  }
  #open(): readonly string[] {
    return [...this.#jobs.keys()].filter((id) => this.#world.jobs.get(id)?.state !== 'TERMINAL');
  }
  #summary(): string {
    const words = ['done', 'failed', 'cancelled', 'running', 'waiting'] as const;
    return words.flatMap((word) => (this.#count(word) === 0 ? [] : [`${this.#count(word)} ${word}`])).join(', ');
  }

  /** Looks until the condition holds. False: it did not within `limit` seconds, or a person wants to end. */
  async #until(condition: () => boolean, limit = patience): Promise<boolean> {
    for (const end = performance.now() + limit * 1000; !condition(); ) {
      if (performance.now() > end || !(await this.#tick())) return false;
    }
    return true;
  }
}
