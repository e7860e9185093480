import type { RemoteGuestSettings } from '../../core/cloud/settings.ts';
import type { Clock } from '../clock.ts';
import { RemoteGuestServer } from '../guest/remote/server.ts';

/** The server for machines far away, shared by all spaces that say the same of it, as they usually do; it lives as long as one of them needs it. */
export class GuestServers {
  readonly #clock: Clock;
  readonly #onFault: (text: string) => void;
  readonly #open = new Map<string, { readonly server: RemoteGuestServer; users: number }>();

  constructor(clock: Clock, onFault: (text: string) => void) {
    this.#clock = clock;
    this.#onFault = onFault;
  }

  /** What must be equal for two spaces to share one. */
  static mark({ listen, certificate, clientCaFile }: RemoteGuestSettings, caDir: string): string {
    return JSON.stringify([listen, certificate, clientCaFile, caDir]);
  }

  /** Listening, or trying to until it can. Whoever takes it gives it back. */
  async take(settings: RemoteGuestSettings, caDir: string): Promise<RemoteGuestServer> {
    const mark = GuestServers.mark(settings, caDir);
    const known = this.#open.get(mark);
    if (known) {
      known.users += 1;
      return known.server;
    }
    const server = new RemoteGuestServer({ settings, caDir, clock: this.#clock, onFault: this.#onFault });
    this.#open.set(mark, { server, users: 1 });
    await server.keepOpen();
    return server;
  }

  async giveBack(server: RemoteGuestServer): Promise<void> {
    for (const [mark, one] of this.#open) {
      if (one.server !== server || (one.users -= 1) > 0) continue;
      this.#open.delete(mark);
      await server.close();
    }
  }
}
