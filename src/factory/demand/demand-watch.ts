import { randomUUID } from 'node:crypto';
import { demandHolds } from '../../core/decide/demand.ts';
import { demandClaims } from '../../core/jobs/agent-token.ts';
import { type DemandAnswer, readDemand, sharedDemand } from '../../core/jobs/demand.ts';
import type { Machinetype } from '../../core/machinetype.ts';
import type { Demand } from '../../core/observed.ts';
import type { Configuration } from '../../core/settings.ts';
import { later } from '../../core/units.ts';
import type { Clock } from '../clock.ts';
import { signToken } from '../guest/queue-token.ts';
import { fetchLimited } from '../http-fetch.ts';
import type { DemandPart } from '../parts.ts';

export interface DemandWatchParts {
  readonly clock: Clock;
  /** What a queue says has changed, so that another decision may follow. */
  readonly onChange: () => void;
  readonly fetch?: typeof fetchLimited;
}

const everySeconds = 5;
const longestPauseSeconds = 60;
const limits = { timeoutSeconds: 10, maxBytes: 1024 ** 2, maxRedirects: 0 };

type Demanding = Machinetype & Required<Pick<Machinetype, 'demand' | 'tenant' | 'queueTokenKey'>>;
const demanding = (type: Machinetype): type is Demanding => type.demand !== undefined && type.tenant !== undefined && type.queueTokenKey !== undefined;

/** A queue that is asked for one tenant. Uptimes in seconds. */
interface Asked {
  readonly stop: AbortController;
  done: Promise<void>;
  factory: string;
  caDir: string;
  answer?: DemandAnswer;
  answeredAt?: number;
  etag?: string;
  failingSince?: number;
  why?: string;
}

/**
 * Asks the queues of machinetypes with policy `demand` how many jobs wait, every 5 s and outside the loop; the next pause doubles while a
 * queue cannot be asked, up to a minute. A failure is a fact: the last answer holds for as long as a decision may rely on it.
 */
export class DemandWatch implements DemandPart {
  readonly #parts: DemandWatchParts;
  readonly #fetch: typeof fetchLimited;
  readonly #asked = new Map<string, Asked>();
  #closed = false;

  constructor(parts: DemandWatchParts) {
    this.#parts = parts;
    this.#fetch = parts.fetch ?? fetchLimited;
  }

  /** Begins to ask queues that are new in the configuration, and no longer asks those that have left it. Returns at once. */
  want({ machinetypes, settings }: Configuration): void {
    if (this.#closed) return;
    const wanted = new Map([...machinetypes.values()].filter(demanding).map((type) => [keyOf(type), type]));
    for (const [key, asked] of this.#asked) {
      if (wanted.has(key)) continue;
      asked.stop.abort();
      this.#asked.delete(key);
    }
    for (const [key, type] of wanted) {
      const known = this.#asked.get(key);
      if (known === undefined) this.#begin(key, type, settings);
      else Object.assign(known, { factory: settings.factoryName, caDir: settings.caDir });
    }
  }

  /** Facts for a turn: per machinetype with policy `demand`. Undefined: there is none. */
  demand({ machinetypes }: Pick<Configuration, 'machinetypes'>): ReadonlyMap<string, Demand> | undefined {
    const types = [...machinetypes.values()].filter(demanding);
    if (types.length === 0) return undefined;
    const facts = new Map<string, Demand>();
    for (const [key, group] of Map.groupBy(types, keyOf)) {
      const asked = this.#asked.get(key);
      if (asked !== undefined) this.#state(asked, group, facts);
    }
    return facts;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { stop } of this.#asked.values()) stop.abort();
    await Promise.all([...this.#asked.values()].map(({ done }) => done));
  }

  /** Ages are counted in uptime, because the wall clock may step. */
  #state(asked: Asked, types: readonly Demanding[], facts: Map<string, Demand>): void {
    const { clock } = this.#parts;
    const age = (since: number): number => clock.uptime() - since;
    const holds = asked.answeredAt !== undefined && age(asked.answeredAt) <= demandHolds;
    if (holds && asked.answer !== undefined && asked.answeredAt !== undefined) {
      const at = later(clock.wall(), -age(asked.answeredAt));
      for (const [name, jobs] of sharedDemand(asked.answer, types)) facts.set(name, { ...jobs, at });
    } else if (asked.failingSince !== undefined) {
      const unknownSince = later(clock.wall(), -age(asked.failingSince));
      for (const { name } of types) facts.set(name, { unknownSince, why: asked.why ?? '' });
    }
  }

  #begin(key: string, type: Demanding, { factoryName: factory, caDir }: Configuration['settings']): void {
    const asked: Asked = { stop: new AbortController(), factory, caDir, done: Promise.resolve() };
    this.#asked.set(key, asked);
    asked.done = this.#follow(asked, type);
  }

  async #follow(asked: Asked, type: Demanding): Promise<void> {
    const { clock } = this.#parts;
    const { signal } = asked.stop;
    for (let pause = everySeconds; !signal.aborted; ) {
      const told = JSON.stringify([asked.answer, asked.failingSince]);
      try {
        await this.#ask(asked, type, signal);
        delete asked.failingSince;
        pause = everySeconds;
      } catch (error) {
        asked.failingSince ??= clock.uptime();
        asked.why = error instanceof Error ? error.message : String(error);
        pause = Math.min(longestPauseSeconds, pause * 2);
      }
      if (signal.aborted) return;
      if (JSON.stringify([asked.answer, asked.failingSince]) !== told) this.#parts.onChange();
      await clock.sleepUntil(later(clock.wall(), pause), signal);
    }
  }

  /** Rejects with a message for people. */
  async #ask(asked: Asked, { demand: { url }, tenant, queueTokenKey: file, filesDir }: Demanding, signal: AbortSignal): Promise<void> {
    const claims = demandClaims({ factory: asked.factory, tenant, jti: randomUUID() }, this.#parts.clock.wall());
    const token = await signToken(claims, { file, filesDir }).catch((error: Error) => {
      throw new Error(`queue_token_key: ${error.message}`, { cause: error });
    });
    const headers = { authorization: `Bearer ${token}`, accept: 'application/json', ...(asked.etag !== undefined && { 'if-none-match': asked.etag }) };
    const at = this.#parts.clock.uptime();
    const { status, body, headers: told } = await this.#fetch(url, { ...limits, caDir: asked.caDir, headers, signal });
    if (status !== 304 || asked.answer === undefined) {
      if (status !== 200) throw new Error(`demand_url: the queue answers with status ${status}; valid: 200`);
      const answer = readDemand(body);
      if ('wrong' in answer) throw new Error(`demand_url: ${answer.wrong}`);
      if (answer.tenant !== tenant) throw new Error(`demand_url: the queue answers for the tenant ${JSON.stringify(answer.tenant)}; valid: ${tenant}`);
      asked.answer = answer;
    }
    const etag = told.get('etag');
    if (etag !== null && etag.length <= 256) asked.etag = etag;
    else delete asked.etag;
    asked.answeredAt = at;
  }
}

const keyOf = ({ demand, tenant, queueTokenKey, filesDir }: Demanding): string => JSON.stringify([demand.url, tenant, queueTokenKey, filesDir]);
