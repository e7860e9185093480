import { readdirSync, readFileSync } from 'node:fs';
import type { FactoryReport } from '../../core/space/report.ts';
import { elapsed, instant, seconds } from '../../core/units.ts';
import { audit } from './rules.ts';
import { ghost, type Host, nothingToDo, pace, tenants, working, writeConfig, writeUserData } from './site.ts';
import type { World } from './world.ts';

/** Longest wait for one thing, in seconds: only a fault takes so long, also on a busy host. */
const patience = 60;
/** How far, in machines, a tenant may miss its target on average over `calm` looks, and at any one look, while all is well. */
const meanError = 2;
const greatestError = 4;
const calm = 5;

/** Raised by a wait whose condition has not come true; the story goes on to its end with what it has. */
class Over extends Error {}

/** What happens to the space, one act after the other. `tick` looks at all factories and shows them; false: somebody wants it to end. */
export class Story {
  readonly #world: World;
  readonly #tick: () => Promise<boolean>;

  constructor(world: World, tick: () => Promise<boolean>) {
    this.#world = world;
    this.#tick = tick;
  }

  async play(): Promise<void> {
    const w = this.#world;
    w.begin(`${w.hosts.length} factories start, each in a network namespace of its own`);
    await w.start(w.hosts, this.#tick);
    for (const act of [this.#fill, this.#kills, this.#partition, this.#loss, this.#wrongConfiguration, this.#dry, this.#end]) {
      try {
        await act.call(this);
      } catch (error) {
        if (!(error instanceof Over)) throw error;
        if (this.#world.options.signal.aborted) return;
      }
    }
  }

  async #until(what: string, holds: () => boolean, detail: () => string = () => ''): Promise<void> {
    const w = this.#world;
    const began = w.elapsed;
    while (!holds()) {
      if (w.elapsed - began > patience || !(await this.#tick())) {
        if (!w.options.signal.aborted) w.check(what, false, `not within ${patience} s. ${detail()}`);
        throw new Over();
      }
    }
    w.check(what, true, detail());
  }

  async #fill(): Promise<void> {
    const w = this.#world;
    w.begin('an empty space fills itself in the shares of its tenants');
    await this.#until('every factory hears every other', () => w.agree(w.hosts));
    await this.#until(
      'all slots are filled',
      () => w.watch.live.length === w.slots,
      () => `${w.watch.live.length} of ${w.slots}`,
    );
    await this.#converge('shares converge');
    const told = w.hosts.filter((h) => w.watch.now.get(h)?.report.factories.some((f) => f.factory === ghost.name && f.silentSince !== undefined));
    w.check('a factory that never was there is listed as silent by all', told.length === w.hosts.length, `${told.length} of ${w.hosts.length}`);
  }

  /** Machines are not ended for shares, so an error passes as machines end; then it must stay small. */
  async #converge(what: string): Promise<void> {
    const w = this.#world;
    const errors: number[] = [];
    const mean = (): number => errors.slice(-calm).reduce((sum, e) => sum + e, 0) / calm;
    await this.#until(
      what,
      () => {
        errors.push(w.watch.live.length < w.slots - 3 ? greatestError : w.shareError);
        return errors.length >= calm && mean() <= meanError && Math.max(...errors.slice(-calm)) <= greatestError;
      },
      () => `the farthest tenant misses its target by ${mean().toFixed(1)} of ${w.slots} machines`,
    );
  }

  async #kills(): Promise<void> {
    const w = this.#world;
    const simulated = w.hosts.filter((h) => h.provider === 'sim' && h.clockOff === undefined);
    const victims = [...simulated.slice(1, 3), w.hosts.find((h) => h.provider === 'qemu') ?? simulated[3]].filter((h) => h !== undefined);
    const others = w.hosts.filter((h) => !victims.includes(h));
    w.begin(`kill -9 of three factories: ${victims.map((h) => h.id).join(', ')}`);
    await this.#until('the victims have machines that work', () => victims.every((h) => w.working(h).length > 0));
    const before = new Map(victims.map((h) => [h, w.working(h).map((m) => m.id)]));
    const real = victims.filter((h) => h.provider === 'qemu').flatMap((h) => before.get(h) ?? []);
    const processes = qemuProcesses(real);
    w.noticed.clear();
    for (const host of victims) await w.kill(host);
    await this.#until('the others notice that they are silent', () => others.every((o) => victims.every((v) => w.noticed.get(o)?.has(v.factory) === true)));
    const listed = (): readonly FactoryReport[] =>
      others.flatMap((h) => w.watch.now.get(h)?.report.factories.filter((f) => victims.some((v) => v.factory === f.factory)) ?? []);
    await this.#until('the silent stay listed, and are asked again', () => {
      const all = listed();
      return all.length === others.length * victims.length && all.every((f) => (f.unanswered ?? 0) > 0);
    });
    w.begin(`they are started again: ${victims.map((h) => h.id).join(', ')}`);
    await w.start(victims, this.#tick);
    const lost = victims.flatMap((h) => (before.get(h) ?? []).filter((id) => !w.watch.records.get(h)?.some((m) => m.id === id)));
    w.check('machines of killed factories are known to the next', lost.length === 0, lost.join(' '));
    if (real.length > 0) {
      const after = qemuProcesses(real);
      const finished = (id: string): boolean => [...w.watch.records.values()].flat().some((m) => m.id === id && m.state === 'finished');
      const wrong = real.filter((id) => (after.get(id) ?? []).join() !== (processes.get(id) ?? []).join() && !finished(id));
      w.check('real machines are adopted, not started anew', wrong.length === 0 && [...after.values()].every((pids) => pids.length <= 1), wrong.join(' '));
    }
    await this.#until('views recover after the restart', () => w.agree(w.hosts));
  }

  async #partition(): Promise<void> {
    const w = this.#world;
    const half = w.hosts.filter((_, i) => i % 2 === 1);
    const rest = w.hosts.filter((h) => !half.includes(h));
    w.begin(`the network parts: ${half.map((h) => h.id).join(' ')} against the others`);
    const before = new Map(w.hosts.map((h) => [h, new Set(w.working(h).map((m) => m.id))]));
    w.noticed.clear();
    w.network.part(half);
    for (const host of half) w.mood(host, 'cut off');
    const cut = (a: readonly Host[], b: readonly Host[]): boolean => a.every((h) => b.every((o) => w.noticed.get(h)?.has(o.factory) === true));
    await this.#until('each half notices that the other is silent', () => cut(half, rest) && cut(rest, half));
    w.check('each half goes on by itself', w.agree(half) && w.agree(rest));
    w.begin('the network is whole again');
    w.network.heal(half);
    for (const host of half) w.mood(host, host.clockOff === undefined ? 'works' : `works, its clock ${host.clockOff / 3600} h fast`);
    await this.#until('views recover after the partition', () => w.agree(w.hosts));
    const lost = w.hosts.flatMap((h) => [...(before.get(h) ?? [])].filter((id) => !w.watch.records.get(h)?.some((m) => m.id === id)));
    w.check('no machine was lost in the partition', lost.length === 0, lost.join(' '));
  }

  async #loss(): Promise<void> {
    const w = this.#world;
    w.begin('20 % of all datagrams are lost');
    for (const host of w.hosts) w.network.lose(host, 20);
    const since = new Map(w.hosts.map((h) => [h, w.watch.now.get(h)?.report.at]));
    const names = new Set(w.hosts.map((h) => h.factory));
    const heard = (host: Host): number => {
      const from = since.get(host);
      const report = w.watch.now.get(host)?.report;
      if (from === undefined || report === undefined) return 0;
      return report.factories.filter((f) => names.has(f.factory) && f.factory !== host.factory && f.heardAt !== undefined && elapsed(from, f.heardAt) > 3)
        .length;
    };
    await this.#until('every factory still hears every other', () => w.hosts.every((h) => heard(h) === w.hosts.length - 1) && w.agree(w.hosts));
    await this.#converge('shares hold while datagrams are lost');
    for (const host of w.hosts) w.network.loseNothing(host);
  }

  async #wrongConfiguration(): Promise<void> {
    const w = this.#world;
    const { places } = w.options;
    const wrong = w.hosts[0] as Host;
    w.begin(`${wrong.id} gets a wrong configuration`);
    const ids = w.working(wrong).map((m) => m.id);
    w.mood(wrong, 'wrong configuration');
    writeConfig(places, w.hosts, wrong, true);
    const problems = async (): Promise<readonly string[]> => (await w.watch.client(wrong).configuration()).problems.map((p) => p.text);
    let told: readonly string[] = [];
    let asked = Promise.resolve();
    const ask = (): void => {
      asked = asked.then(problems).then(
        (list) => void (told = list),
        () => undefined, // no answer is no problem told
      );
    };
    await this.#until(
      'the factory with the wrong configuration says what is wrong',
      () => (ask(), told.length > 0),
      () => told[0] ?? '',
    );
    const ended = (w.watch.records.get(wrong) ?? []).filter((m) => ids.includes(m.id) && m.state === 'finished' && m.outcome.killReason !== undefined);
    w.check('it keeps its machines and answers the others', ended.length === 0 && w.agree(w.hosts), `${w.working(wrong).length} work`);
    writeConfig(places, w.hosts, wrong);
    await this.#until('with its configuration put right, it has no problems', () => (ask(), told.length === 0));
    await asked;
    w.mood(wrong, 'works');
  }

  async #dry(): Promise<void> {
    const w = this.#world;
    const { places, seed } = w.options;
    w.begin('blue has no more work: the whole space backs off');
    const fast = w.hosts.find((h) => h.clockOff !== undefined);
    for (const host of w.hosts) writeUserData(places, host, 'blue', nothingToDo);
    const bans = w.watch.bansSeen;
    const aborts = (): readonly Host[] =>
      w.hosts.filter((h) =>
        (w.watch.now.get(h)?.report.factories ?? []).some((f) =>
          f.machinetypes.some((t) => t.machinetype === 'blue' && t.shutdownMessage?.startsWith('300') === true),
        ),
      );
    await this.#until('all factories know that blue has nothing to do', () => aborts().length === w.hosts.length);
    const starts = (): number => [...w.watch.records.values()].flat().filter((m) => m.machinetype === 'blue').length;
    const before = starts();
    const began = w.elapsed;
    await this.#until('back-off has been watched for a whole turn of pause and scout', () => w.elapsed - began > pace.backoff + pace.fizzle);
    w.say(`${starts() - before} scouts in ${Math.round(w.elapsed - began)} s, ${w.watch.bansSeen - bans} back-offs judged`);
    if (fast) {
      const off = elapsed(instant(Date.now()), w.watch.now.get(fast)?.report.at ?? instant(0));
      w.check('one clock is wrong by an hour', Math.abs(off - (fast.clockOff ?? 0)) < patience, `${fast.id}: ${Math.round(off)} s`);
      const far = w.hosts.flatMap((h) => {
        const report = w.watch.now.get(h)?.report;
        const told = (report?.factories ?? []).flatMap((f) => f.machinetypes);
        return told.flatMap(({ factory, shutdownAt: at }) => {
          const ago = report === undefined || at === undefined ? 0 : elapsed(at, report.at);
          return ago < -2 || ago > w.elapsed + 2 ? [`${h.id} hears of ${factory}: ${Math.round(ago)} s ago`] : [];
        });
      });
      w.check('ends of machines are dated right by all', far.length === 0, far.slice(0, 3).join('; '));
    }
    w.begin('blue has work again: a scout finds it, and the space follows');
    for (const host of w.hosts) writeUserData(places, host, 'blue', working(seed, host, 'blue'));
    await this.#converge('shares converge after the back-off');
    const { defied } = w.watch;
    w.check(
      'back-off was respected by all',
      defied.size === 0 && w.watch.bansSeen > 0,
      defied.size === 0 ? `${w.watch.bansSeen} judged` : [...defied.values()].slice(0, 3).join('; '),
    );
  }

  /** Nothing new is started, so that the books of factories and of their hosts can be compared. */
  async #end(): Promise<void> {
    const w = this.#world;
    w.begin('the end: machines finish their work, books are compared');
    await w.closeBooks();
    for (const host of w.hosts.filter((h) => h.provider === 'qemu')) for (const m of w.working(host)) await w.destroy(host, m.id);
    await this.#until(
      'all machines end',
      () => w.watch.live.length === 0,
      () => `${w.watch.live.length} left`,
    );
    await w.readUsage();
    const codes = await w.stop();
    w.check(
      'all factories end in order',
      codes.every((c) => c === 0),
      codes.join(' '),
    );
    const broken = w.books().flatMap(audit);
    const all = [...w.watch.records.values()].flat();
    w.check(
      'no machine was lost, doubled or ended by force while it worked',
      broken.length === 0,
      broken.length === 0 ? `${all.length} machines of ${tenants.length} tenants` : broken.slice(0, 3).join('; '),
    );
    const left = qemuProcesses(all.map((m) => m.id));
    w.check(
      'nothing is left behind',
      [...left.values()].every((pids) => pids.length === 0),
    );
  }
}

/** Processes that run each of these machines, found by the id in their command lines. */
function qemuProcesses(ids: readonly string[]): ReadonlyMap<string, readonly number[]> {
  const found = new Map(ids.map((id): [string, number[]] => [id, []]));
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    let command: string;
    try {
      command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    } catch {
      continue; // it has ended
    }
    const [program = '', ...args] = command.split('\0');
    if (!program.includes('qemu-system')) continue;
    for (const [id, pids] of found) if (args.includes(id)) pids.push(Number(pid));
  }
  return found;
}

export const holds = (world: World): boolean => world.checks.length > 0 && world.checks.every((c) => c.held);
export const hour = seconds(3600);
