import { z } from 'zod';
import { ServerFault } from './schema.ts';
import type { Session } from './session.ts';

/** Servers asked for one by one in one list, at most: more of them are in ERROR only when the whole cloud is ill. */
const perList = 20;
const Failed = z.looseObject({ id: z.string(), status: z.string(), fault: z.unknown().optional() });
const One = z.object({ server: z.object({ fault: ServerFault.optional() }) });

/**
 * Why servers are in ERROR. Nova leaves that out of lists where it has more than one cell (it looks in the wrong database), and tells it
 * of a single server. Each is asked for until it has been told.
 */
export class Reasons {
  readonly #session: Session;
  #known = new Map<string, z.infer<typeof ServerFault>>();

  constructor(session: Session) {
    this.#session = session;
  }

  /** The list, with the reasons of those servers in ERROR that are `ours`. */
  async add(servers: readonly unknown[], ours: ReadonlySet<string>, signal: AbortSignal): Promise<readonly unknown[]> {
    const failed = servers
      .map((s) => Failed.safeParse(s).data)
      .filter((s) => s !== undefined)
      .filter((s) => s.status === 'ERROR' && s.fault === undefined && ours.has(s.id));
    if (failed.length === 0) {
      this.#known.clear();
      return servers;
    }
    const before = this.#known;
    this.#known = new Map(failed.flatMap(({ id }) => [before.get(id)].filter((f) => f !== undefined).map((f) => [id, f] as const)));
    const unknown = failed.filter((s) => !this.#known.has(s.id)).slice(0, perList);
    await Promise.all(unknown.map((s) => this.#ask(s.id, signal)));
    const reasons = new Map(failed.map((s) => [s.id, this.#known.get(s.id)]));
    return servers.map((s) => {
      const { id = '' } = Failed.safeParse(s).data ?? {};
      const fault = reasons.get(id);
      return fault === undefined ? s : { ...(s as object), fault };
    });
  }

  async #ask(id: string, signal: AbortSignal): Promise<void> {
    const path = `/servers/${encodeURIComponent(id)}`;
    // A reason is a help; a list is not given up for want of one.
    const one = await this.#session.read(One, { service: 'compute', method: 'GET', path }, signal).catch(() => undefined);
    if (one?.server.fault !== undefined) this.#known.set(id, one.server.fault);
  }
}
