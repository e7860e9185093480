import { shiftMachine } from '../core/clock-step.ts';
import type { Machine } from '../core/machine.ts';
import type { Seconds } from '../core/units.ts';

/** Besides the last good end and the last abort of each machinetype; more when the host may be to blame. */
const remembered = { usual: 6, troubled: 40 };

/** Records of machines that have ended and are gone. A factory keeps them for days; kept here is what its decisions read of them. */
export class EndedMachines {
  #records: Machine[] = [];

  get records(): readonly Machine[] {
    return this.#records;
  }

  /** Whether a decision may look for the same trouble on single other hosts. */
  get troubled(): boolean {
    return this.#records.some(isTrouble);
  }

  add(records: readonly Machine[], machinetypes: number): void {
    this.#records.push(...records);
    if (this.#records.length <= remembered.usual + 2 * machinetypes) return;
    const recent = this.#records.slice(this.troubled ? -remembered.troubled : -remembered.usual);
    const last = new Map(this.#records.flatMap((m) => (m.state === 'finished' ? [[`${m.machinetype} ${m.outcome.abort}`, m] as const] : [])));
    this.#records = [...[...last.values()].filter((m) => !recent.includes(m)), ...recent];
  }

  /** The wall clock was set. */
  shift(by: Seconds): void {
    this.#records = this.#records.map((m) => shiftMachine(m, by));
  }
}

/** An end that may be the fault of the host. */
const isTrouble = (m: Machine): boolean => m.state === 'finished' && m.outcome.abort && !(m.outcome.message ?? '').startsWith('300 No');
