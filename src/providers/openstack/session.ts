import { createHash } from 'node:crypto';
import type { z } from 'zod';
import type { OpenStackApi, Secret } from '../../core/cloud/settings.ts';
import { elapsed, type Instant, later, type Seconds, seconds } from '../../core/units.ts';
import { ProviderError } from '../contract.ts';
import { computeRegions, endpointOf } from './catalogue.ts';
import { classify, isHtml, type Service } from './classify.ts';
import type { Gate } from './gate.ts';
import { type Answer, type Call, Http, type Method } from './http.ts';
import { loginBody, secretOf } from './login.ts';
import { Once, unless } from './once.ts';
import { oneLine } from '../cloud/one-line.ts';
import { TokenBody, VersionBody } from './schema.ts';

export interface SessionOptions {
  readonly api: OpenStackApi;
  readonly readSecret: (secret: Secret) => Promise<string>;
  readonly now: () => Instant;
  readonly gate: Gate;
}

export interface Asking {
  readonly service: Exclude<Service, 'identity'>;
  readonly method: Method;
  /** Below the service's URL, with its query. */
  readonly path: string;
  /** Sent as JSON, unless it is a stream; a stream is made anew for each attempt. */
  readonly json?: object;
  readonly stream?: () => NonNullable<Call['body']>;
  readonly contentType?: string;
  /** Statuses besides 2xx that the caller understands. */
  readonly accept?: readonly number[];
  readonly withinSeconds?: number;
}

interface Token {
  readonly value: string;
  /** By our clock. */
  readonly renewAt: Instant;
  readonly catalogue: TokenBody['token']['catalog'];
  readonly projectId: string;
}

/** A token is renewed so long before its end, but never in the first four fifths of its life. */
const margin = 300;
/** Seconds after which a refused secret is tried again at the latest. */
const longestRefusal = 600;
/** Tested with this one; of an older cloud its newest, of one that has dropped it its oldest. */
const preferred = 79;

/** One sign-in to one project, kept fresh, and the requests made with it (spec/cloud.md §7.2). */
export class Session {
  readonly #options: SessionOptions;
  readonly #http: Http;
  readonly #once = new Once<string, unknown>();
  #token: Token | undefined;
  #refused: { readonly digest: string; readonly until: Instant; readonly times: number; readonly error: ProviderError } | undefined;
  #microversion: number | undefined;
  #skew = seconds(0);

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#http = new Http(options.api.caFile);
  }

  /** How far the cloud's clock is ahead of ours, as its `Date` headers have it. */
  get skew(): Seconds {
    return this.#skew;
  }

  async projectId(signal: AbortSignal): Promise<string> {
    return (await this.#signedIn(signal)).projectId;
  }

  /** Regions with a compute service. */
  async regions(signal: AbortSignal): Promise<readonly string[]> {
    return computeRegions((await this.#signedIn(signal)).catalogue);
  }

  /** Throws when the service is not in the catalogue. */
  async endpoint(service: Exclude<Service, 'identity'>, signal: AbortSignal): Promise<string> {
    return endpointOf((await this.#signedIn(signal)).catalogue, service, this.#options.api);
  }

  /** N of the compute microversion 2.N in use, negotiated once. */
  async microversion(signal: AbortSignal): Promise<number> {
    if (this.#microversion !== undefined) return this.#microversion;
    return (await unless(
      signal,
      'negotiation of the compute API',
      this.#once.run('microversion', () => this.#negotiate()),
    )) as number;
  }

  /** An answer with a status of 2xx or an accepted one. Everything else is a {@link ProviderError}. A token that is refused is renewed once. */
  async ask(asking: Asking, signal: AbortSignal): Promise<Answer> {
    const first = await this.#signedIn(signal);
    const answer = await this.#send(asking, first, signal);
    if (answer.status !== 401) return this.#checked(asking, answer);
    if (this.#token === first) this.#token = undefined;
    return this.#checked(asking, await this.#send(asking, await this.#signedIn(signal), signal));
  }

  /** As {@link ask}, and the body read by a schema. */
  async read<S extends z.ZodType>(schema: S, asking: Asking, signal: AbortSignal): Promise<z.output<S>> {
    return parsed(schema, asking, await this.ask(asking, signal));
  }

  async close(): Promise<void> {
    await this.#http.close();
    await this.#once.settled();
  }

  async #send(asking: Asking, token: Token, signal: AbortSignal): Promise<Answer> {
    const { gate, now, api } = this.#options;
    const url = endpointOf(token.catalogue, asking.service, api) + asking.path;
    const version = asking.service === 'compute' && this.#microversion !== undefined && this.#microversion > 1 ? `compute 2.${this.#microversion}` : undefined;
    const call: Call = {
      method: asking.method,
      url,
      headers: {
        accept: 'application/json',
        'x-auth-token': token.value,
        ...((asking.json ?? asking.stream) !== undefined && { 'content-type': asking.contentType ?? 'application/json' }),
        ...(version !== undefined && { 'openstack-api-version': version, 'x-openstack-nova-api-version': version.slice(8) }),
      },
      ...(asking.withinSeconds !== undefined && { withinSeconds: asking.withinSeconds }),
    };
    const once = async (): Promise<Answer> => {
      await gate.pass(asking.service, signal);
      const body = asking.stream?.() ?? (asking.json === undefined ? undefined : JSON.stringify(asking.json));
      return this.#http.send({ ...call, ...(body !== undefined && { body }) }, signal);
    };
    // A connection kept open may be closed by the server at the very moment that it is used. Reading again harms nobody.
    const answer = await once().catch((error: unknown) => (asking.method === 'GET' && isCut(error) ? once() : Promise.reject(error)));
    const date = Date.parse(answer.headers['date'] ?? '');
    if (!Number.isNaN(date)) this.#skew = elapsed(now(), date as Instant);
    return answer;
  }

  #checked(asking: Asking, answer: Answer): Answer {
    const { gate, now } = this.#options;
    const { status } = answer;
    if ((status >= 200 && status < 300) || (asking.accept?.includes(status) === true && !isHtml(answer))) {
      gate.answered(asking.service);
      return answer;
    }
    const error = classify({ service: asking.service, what: whatOf(asking) }, answer, now());
    if (error.code === 'MICROVERSION_REFUSED') this.#microversion = undefined;
    if (error.code !== 'ASKED_TO_WAIT' && status !== 503) throw error;
    const wait = gate.refused(asking.service, error.retryAfter);
    throw new ProviderError(error.code, error.message, { fault: error.fault, whole: error.whole, retryAfter: seconds(wait) });
  }

  #signedIn(signal: AbortSignal): Promise<Token> {
    const token = this.#token;
    if (token !== undefined && this.#options.now() < token.renewAt) return Promise.resolve(token);
    return unless(signal, 'sign-in', this.#once.run('token', () => this.#signIn()) as Promise<Token>);
  }

  async #signIn(): Promise<Token> {
    const { api, readSecret, now, gate } = this.#options;
    const secret = await readSecret(secretOf(api.login));
    const digest = createHash('sha256').update(secret).digest('hex');
    const refused = this.#refused?.digest === digest ? this.#refused : undefined;
    // Identity services lock accounts: a secret that was refused is tried seldom, a new one at once.
    const left = refused === undefined ? 0 : elapsed(now(), refused.until);
    if (refused !== undefined && left > 0 && left <= longestRefusal) throw refused.error;
    const never = new AbortController().signal;
    await gate.pass('identity', never);
    const asked = { service: 'identity', what: 'POST /auth/tokens' } as const;
    const body = JSON.stringify(loginBody(api.login, secret));
    const headers = { accept: 'application/json', 'content-type': 'application/json' };
    const at = now();
    const answer = await this.#http.send({ method: 'POST', url: `${api.authUrl}/auth/tokens`, headers, body, withinSeconds: 30 }, never);
    if (answer.status !== 201 && answer.status !== 200) {
      const error = classify(asked, answer, now());
      if (answer.status === 503 || answer.status === 429) gate.refused('identity', error.retryAfter);
      if (error.fault === 'host') {
        const times = (refused?.times ?? 0) + 1;
        this.#refused = { digest, until: later(now(), Math.min(longestRefusal, 15 * 2 ** times)), times, error };
      }
      throw error;
    }
    gate.answered('identity');
    this.#refused = undefined;
    this.#token = tokenFrom(answer, at);
    return this.#token;
  }

  async #negotiate(): Promise<number> {
    const never = new AbortController().signal;
    const token = await this.#signedIn(never);
    const url = endpointOf(token.catalogue, 'compute', this.#options.api);
    // Some catalogues put the project's id behind the version.
    const root = `${/^.*\/v\d[^/]*(?=\/|$)/.exec(url)?.[0] ?? url}/`;
    const answer = await this.#http.send({ method: 'GET', url: root, headers: { accept: 'application/json', 'x-auth-token': token.value } }, never);
    const asking: Asking = { service: 'compute', method: 'GET', path: '/' };
    const { version } = parsed(VersionBody, asking, this.#checked(asking, answer)).version;
    const { min_version: least } = parsed(VersionBody, asking, answer).version;
    const number = (text: string): number => Number(/^2\.(\d{1,4})$/.exec(text)?.[1] ?? 1);
    this.#microversion = Math.max(Math.min(preferred, number(version)), number(least));
    return this.#microversion;
  }
}

/**
 * `at`: when it was asked for. How long a token lives is the difference of two times of the server's, so that it does not matter how far
 * its clock is from ours; where it does not say when it was issued, its `Date` serves, else our own clock.
 */
function tokenFrom(answer: Answer, at: Instant): Token {
  const asking = { service: 'identity', what: 'POST /auth/tokens' };
  const value = answer.headers['x-subject-token'] ?? '';
  const { token } = parsed(TokenBody, { service: 'identity', method: 'POST', path: '/auth/tokens' }, answer);
  const expires = Date.parse(token.expires_at);
  if (!/^[\x21-\x7e]{1,20000}$/.test(value) || Number.isNaN(expires)) throw unreadable(asking.service, asking.what, 'there is no token in it');
  const issued = [Date.parse(token.issued_at ?? ''), Date.parse(answer.headers['date'] ?? '')].find((t) => !Number.isNaN(t)) ?? at;
  const life = Math.max(0, (expires - issued) / 1000);
  return { value, renewAt: later(at, Math.max(life - margin, life * 0.8)), catalogue: token.catalog, projectId: token.project?.id ?? '' };
}

const isCut = (error: unknown): boolean => error instanceof ProviderError && error.code === 'ANSWER_CUT';
const whatOf = (asking: Pick<Asking, 'method' | 'path'>): string => `${asking.method} ${oneLine(asking.path.replace(/\?.*/s, ''), 120)}`;

const unreadable = (service: string, what: string, why: string): ProviderError =>
  new ProviderError('ANSWER_UNREADABLE', `${service}: ${what}: an answer that makes no sense: ${why}`, { fault: 'provider', whole: true });

/** The body of an answer by its schema. A page for people or half a document is the provider's fault, whatever its status says. */
export function parsed<S extends z.ZodType>(schema: S, asking: Pick<Asking, 'method' | 'path'> & { readonly service: Service }, answer: Answer): z.output<S> {
  const what = whatOf(asking);
  if (isHtml(answer))
    throw new ProviderError('NOT_OPENSTACK', `${asking.service}: ${what}: ${answer.status} ${oneLine(answer.text, 200)}`, { fault: 'provider', whole: true });
  let json: unknown;
  try {
    json = JSON.parse(answer.text);
  } catch {
    throw unreadable(asking.service, what, `no JSON, or cut short after ${answer.text.length} characters`);
  }
  const result = schema.safeParse(json);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw unreadable(asking.service, what, `${oneLine(issue?.path.join('.') ?? '', 80)} ${oneLine(issue?.message ?? '', 120)}`);
  }
  return result.data;
}
