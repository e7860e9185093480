import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { MachineId } from '../../src/core/units.ts';
import { JournalError } from '../../src/factory/journal.ts';
import { ManualClock } from '../../src/providers/sim/clock.ts';
import { SimProvider } from '../../src/providers/sim/provider.ts';
import { type Random, seeded } from '../../src/providers/sim/script.ts';
import { type SimEvent, SimWorld } from '../../src/providers/sim/world.ts';
import { audit } from './audit.ts';
import { type Boundary, CrashableDaemon, type DaemonOptions, journalOf } from './daemon.ts';
import { comeToRest, deathWish, downtime, moodOf, scriptFor, stormyLife } from './play.ts';
import { GuestFiles, leastLifetime, processors, silentFrom } from './site.ts';

export interface Report {
  readonly broken: readonly string[];
  /** For each machine with which something is wrong, what was written down and what happened, in order. */
  readonly stories: readonly string[];
  readonly machines: number;
  /** Commits that the disk refused. */
  readonly refused: number;
  /** Where daemons died. */
  readonly deaths: readonly (Boundary | 'between')[];
}

/** Seconds by which a stale listing may be behind: the longest pause between two turns, and the calls in them. */
export const listLag = 90;

/** Something outside that goes wrong while daemons live. */
export interface Misfortune {
  /** At every boundary, before the daemon may die there. */
  at(random: Random): void;
  /** It is over. */
  end(): void;
}

/** Plays one seeded schedule of crashes and misfortunes on the real loop and journal in this process, lets it come to rest, and audits it. */
export async function playSchedule(seed: number, directory: string, misfortune?: Misfortune): Promise<Report> {
  const random = seeded(seed);
  const luck = { misfortune, refused: 0 };
  const stateDir = mkdtempSync(join(directory, 'vacua-crash-'));
  const clock = new ManualClock();
  const mood = moodOf(random);
  const files = new GuestFiles();
  const events: SimEvent[] = [];
  const ends = new Map<MachineId, number>();
  const intents = new Map<MachineId, number>();
  const started = new Set<MachineId>();
  const deaths: (Boundary | 'between')[] = [];
  const ledger: string[] = [];
  const tell = (who: string, what: object): void => {
    ledger.push(`up ${clock.uptime().toFixed(1)} wall ${clock.wall().toFixed(0)} ${who} ${JSON.stringify(what)}`);
  };
  const world = new SimWorld({
    clock,
    script: scriptFor(random, mood),
    onEvent: (event) => {
      events.push(event);
      tell('world', event);
      files.follow(event);
    },
  });
  const daemonWith = async (dies: (at: Boundary) => boolean): Promise<CrashableDaemon> => {
    const provider = new SimProvider(world);
    await provider.open();
    const options: DaemonOptions = {
      stateDir,
      clock,
      provider,
      files,
      random,
      mood,
      dies: (at) => {
        luck.misfortune?.at(random);
        if (!dies(at)) return false;
        deaths.push(at);
        tell('death', { at });
        return true;
      },
      onCommit: (change) => {
        tell('journal', change);
        if (change.kind === 'put' && !intents.has(change.machine.id)) intents.set(change.machine.id, clock.uptime());
        if (change.kind === 'finish') ends.set(change.machine.id, (ends.get(change.machine.id) ?? 0) + 1);
        if ((change.kind === 'put' || change.kind === 'finish') && 'startedAt' in change.machine && change.machine.startedAt !== undefined)
          started.add(change.machine.id);
      },
      onRefused: () => {
        luck.refused++;
      },
    };
    try {
      return new CrashableDaemon(options);
    } catch (error) {
      if (!(error instanceof JournalError) || error.code !== 'UNWRITABLE' || misfortune === undefined) throw error;
      misfortune.end(); // the daemon has said so and exited, and somebody has made room
      return new CrashableDaemon(options);
    }
  };

  try {
    for (let lives = 2 + Math.floor(random() * 4); lives > 0; lives--) {
      const daemon = await daemonWith(deathWish(random));
      await stormyLife(daemon, clock, random, mood);
      if (!daemon.dead) deaths.push('between');
      daemon.kill();
      downtime(clock, random);
    }
    luck.misfortune?.end();
    luck.misfortune = undefined;
    const last = await daemonWith(() => false);
    await comeToRest(last, clock, random, mood, world);
    last.kill();

    const journal = journalOf(stateDir);
    const broken = audit({
      events,
      records: journal.machines(),
      usage: journal.usage(),
      ends,
      intents,
      started,
      processors,
      listLag: mood.staleLists ? listLag : 0,
      lifetime: leastLifetime(mood.superslots),
      silentFrom,
    });
    journal.close();
    const ids = new Set(broken.flatMap((line) => line.match(/[0-9a-f]{8}-[0-9a-f-]{27}/g) ?? []));
    const stories = [...ids].map((id) => ledger.filter((line) => line.includes(id) || line.includes(' death ')).join('\n'));
    return { broken, stories, machines: events.filter((e) => e.kind === 'accepted').length, refused: luck.refused, deaths };
  } finally {
    world.close();
    rmSync(stateDir, { recursive: true, force: true });
  }
}
