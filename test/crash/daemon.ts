import { join } from 'node:path';
import { type MachineId, machineId } from '../../src/core/units.ts';
import type { Clock } from '../../src/factory/clock.ts';
import { EventBus } from '../../src/factory/events.ts';
import { type Change, Journal, JournalError } from '../../src/factory/journal.ts';
import { layout } from '../../src/factory/layout.ts';
import { Loop } from '../../src/factory/loop.ts';
import type { LoopParts, StepName } from '../../src/factory/loop-parts.ts';
import type { Provider } from '../../src/providers/contract.ts';
import type { Random } from '../../src/providers/sim/script.ts';
import type { Mood } from './play.ts';
import { FileGuests, factoryName, type GuestFiles, processors, siteConfiguration } from './site.ts';

/** Boundaries at which a daemon may die: those of the loop, and both sides of each commit. */
export type Boundary = StepName | 'commit:before' | 'commit:after';

export interface DaemonOptions {
  readonly stateDir: string;
  readonly clock: Clock;
  readonly provider: Provider;
  readonly files: GuestFiles;
  readonly random: Random;
  /** Read at every turn. */
  readonly mood: Mood;
  /** Told of each boundary. True: this daemon dies here. */
  readonly dies: (at: Boundary) => boolean;
  /** Told of each change that is durable. */
  readonly onCommit?: (change: Change) => void;
  /** Told when the disk refused a commit. */
  readonly onRefused?: () => void;
}

/** Version 4 in form, drawn from the schedule's own generator. */
function newId(random: Random): MachineId {
  const digits = (n: number): string => Array.from({ length: n }, () => Math.floor(random() * 16).toString(16)).join('');
  return machineId(`${digits(8)}-${digits(4)}-4${digits(3)}-a${digits(3)}-${digits(12)}`);
}

class Died extends Error {
  override readonly name = 'Died';
}

/** The daemon's real loop and journal, which can be ended as a process is: from one instruction to the next nothing more of it happens. */
export class CrashableDaemon {
  readonly loop: Loop;
  readonly died: Promise<void>;
  readonly #journal: Journal;
  readonly #provider: Provider;
  readonly #died = Promise.withResolvers<void>();
  #dead = false;

  constructor(options: DaemonOptions) {
    this.died = this.#died.promise;
    this.#provider = options.provider;
    const at = (boundary: Boundary): void => {
      if (!this.#dead && options.dies(boundary)) this.kill();
      if (this.#dead) throw new Died(boundary);
    };
    const places = layout(options.stateDir);
    const journal = new (class extends Journal {
      override commit(changes: readonly Change[]): void {
        if (changes.length === 0) return;
        at('commit:before');
        if (options.mood.diskFull) throw new JournalError('UNWRITABLE', 'no space left on device');
        try {
          super.commit(changes);
        } catch (error) {
          options.onRefused?.();
          throw error;
        }
        for (const change of changes) options.onCommit?.(change);
        at('commit:after');
      }
    })(places.journal);
    this.#journal = journal;
    const never = new Promise<void>(() => undefined);
    const parts: LoopParts = {
      factory: factoryName,
      clock: options.clock,
      host: { processors, facts: async () => ({ load: 0, freeDiskBytes: 1e12 }) },
      layout: places,
      stateDir: options.stateDir,
      journal,
      provider: options.provider,
      guests: new FileGuests(options.files, options.clock),
      contextualiser: { prepare: async () => undefined },
      images: {
        want: () => undefined,
        preparation: () => ({ ready: true }),
        files: async () => ({ rootImage: '/dev/null' }),
        onChange: () => undefined,
        close: async () => undefined,
      },
      configuration: {
        current: () => ({
          configuration: siteConfiguration({ superslots: options.mood.superslots, draining: options.mood.draining, stateDir: options.stateDir }),
          problems: [],
          pipes: [],
        }),
        refresh: async () => undefined,
        onChange: () => undefined,
        close: async () => undefined,
      },
      bus: new EventBus(),
      rule: 'vacua',
      random: options.random,
      newId: () => newId(options.random),
      steps: {
        // A dead process does not continue, not even with an error handler.
        at: (name) => {
          if (!this.#dead && options.dies(name)) this.kill();
          return this.#dead ? never : undefined;
        },
      },
    };
    this.loop = new Loop(parts);
  }

  /** What SIGKILL leaves: no answer arrives any more, and the kernel closes the journal. */
  kill(): void {
    if (this.#dead) return;
    this.#dead = true;
    void this.#provider.close();
    this.#journal.close();
    this.#died.resolve();
  }

  get dead(): boolean {
    return this.#dead;
  }
}

export const journalOf = (stateDir: string): Journal => new Journal(join(stateDir, 'journal.db'));
