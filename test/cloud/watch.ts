import { setTimeout as pause } from 'node:timers/promises';
import type { RawServer } from '../../src/providers/openstack/test-bed.ts';
import type { Project } from './project.ts';

const lookMilliseconds = 1000;

/** Looks at the servers of a project all the time: never two for one machine, nor more than the limit. */
export class Watch implements AsyncDisposable {
  readonly #project: Project;
  readonly #limit: number;
  readonly #broken = new Set<string>();
  readonly #servers = new Map<string, string>();
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;
  /** Greatest number of servers at a time. */
  most = 0;

  constructor(project: Project, limit: number) {
    this.#project = project;
    this.#limit = limit;
    this.#ended = this.#run();
  }

  /** What was wrong at any time. */
  get broken(): readonly string[] {
    return [...this.#broken];
  }
  /** Machines of which there has been a server. */
  get machines(): readonly string[] {
    return [...this.#servers.keys()];
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const servers = await this.#project.servers().catch(() => undefined); // the cloud may be away
      if (servers !== undefined) this.#judge(servers);
      await pause(lookMilliseconds);
    }
  }

  #judge(servers: readonly RawServer[]): void {
    this.most = Math.max(this.most, servers.length);
    if (servers.length > this.#limit) this.#broken.add(`over the limit: ${servers.length} servers`);
    for (const server of servers) {
      const machine = server.metadata['vacua_id'] ?? '';
      const before = this.#servers.get(machine) ?? server.id;
      if (before !== server.id) this.#broken.add(`double: servers ${before} and ${server.id} for machine ${machine}`);
      this.#servers.set(machine, server.id);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#ended;
  }
}
