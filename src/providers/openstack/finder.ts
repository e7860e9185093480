import type { MachineId } from '../../core/units.ts';
import { listServers } from './listing.ts';
import { markTag } from '../cloud/marks.ts';
import { unless } from './once.ts';
import { type Own, census, type Reading } from './servers.ts';
import type { Session } from './session.ts';

interface Waiting {
  readonly id: MachineId;
  readonly resolve: (own: readonly Own[]) => void;
  readonly reject: (error: unknown) => void;
}

/** As many tags as fit well into one URL. */
const perLook = 40;
const never = (): AbortSignal => new AbortController().signal;

/** Looks for servers by the id of their machine. Those who ask at the same time are answered by one request. */
export class Finder {
  readonly #session: Session;
  readonly #space: string;
  readonly #reading: () => Reading;
  #waiting: Waiting[] = [];
  #looking = false;

  constructor(session: Session, space: string, reading: () => Reading) {
    this.#session = session;
    this.#space = space;
    this.#reading = reading;
  }

  /** All servers that are this machine, copies included, as of a request that begins after this call. */
  find(id: MachineId, signal: AbortSignal): Promise<readonly Own[]> {
    const found = new Promise<readonly Own[]>((resolve, reject) => {
      this.#waiting.push({ id, resolve, reject });
      if (!this.#looking) void this.#look();
    });
    return unless(signal, `look for machine ${id}`, found);
  }

  async #look(): Promise<void> {
    this.#looking = true;
    // Whoever asks in the same breath travels along.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, perLook);
      try {
        const filter = (await this.#session.microversion(never())) >= 52 ? tagFilter(this.#space, batch) : '';
        const { servers, doubtful } = await listServers(this.#session, filter, never());
        if (doubtful) throw new Error('the pages of the list of servers overlap');
        const { own, copies } = census(servers, this.#reading());
        for (const w of batch) w.resolve([...own, ...copies].filter((o) => o.identity.id === w.id));
      } catch (error) {
        for (const w of batch) w.reject(error);
      }
    }
    this.#looking = false;
  }
}

const tagFilter = (space: string, batch: readonly Waiting[]): string =>
  `tags-any=${encodeURIComponent([...new Set(batch.map((w) => markTag(space, w.id)))].join(','))}`;
