import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { decodeJwt, errors, type JWTPayload, jwtVerify } from 'jose';
import { z } from 'zod';
import { elapsed, type Instant, instant } from '../../core/units.ts';
import { Refusal } from '../refusal.ts';
import type { JobStore } from '../store.ts';
import type { TenantKeys } from './tenant-keys.ts';

/** Who an agent is, by its machine's token and not by its own word (src/queue/agent-protocol.md). */
export interface AgentIdentity {
  readonly machine: string;
  readonly tenant: string;
  readonly site: string;
  readonly machinetype: string;
  readonly environments: readonly string[];
  /** The session ends with the token. */
  readonly until: Instant;
}

const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/);
const word = z.string().regex(/^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]{1,256}$/u);
const Claims = z.object({
  iss: word,
  sub: name,
  jti: z.string().min(1).max(256),
  exp: z.int().positive(),
  tenant: name,
  site: word,
  machinetype: name,
  environments: z.array(word).max(256),
});
const Session = z.object({ m: name, t: name, s: word, y: name, e: z.array(word), x: z.number() });

/** Longest session secret. It travels in a header, and Node refuses headers of more than 16 KiB. */
const longestSession = 8192;

export interface AgentTrustOptions {
  readonly keys: TenantKeys;
  readonly store: Pick<JobStore, 'claimToken'>;
  /** Key of session secrets. The same key in every server of the queue, now and after a restart, keeps sessions alive. */
  readonly sessionKey: Buffer;
  readonly bannedMachines: ReadonlySet<string>;
  readonly bannedSites: ReadonlySet<string>;
  readonly now: () => Instant;
  /** Seconds that the clock of a factory may be off. */
  readonly tolerance: number;
}

/** Decides which agents are believed. Every method throws a Refusal alone, or the StoreError of the store. */
export class AgentTrust {
  readonly #options: AgentTrustOptions;

  constructor(options: AgentTrustOptions) {
    this.#options = options;
  }

  /**
   * Exchanges the token of a machine for a session secret. A token opens sessions for one nonce alone: whoever has read the token
   * later cannot use it, while the agent itself may repeat a request whose answer was lost.
   */
  async open(token: string | undefined, nonce: string | undefined): Promise<string> {
    if (nonce === undefined || !/^[0-9a-f]{32}$/i.test(nonce)) throw new Refusal('bad_request', 'nonce= must be 32 hexadecimal digits');
    const payload = await this.#verify(token, 'vacua-queue');
    const claims = Claims.safeParse(payload);
    if (!claims.success) throw new Refusal('unauthorised', `the token is not one for agents: ${claimFault(claims.error)}`);
    const { sub, tenant, site, machinetype, environments, exp, jti } = claims.data;
    this.#notBanned(sub, site);
    const session = this.#seal({ m: sub, t: tenant, s: site, y: machinetype, e: environments, x: exp });
    if (session.length > longestSession) throw new Refusal('unauthorised', 'the token names too many environments');
    const until = instant((exp + this.#options.tolerance) * 1000);
    const claim = await this.#options.store.claimToken(digest(`${tenant} ${jti}`), digest(nonce.toLowerCase()), until);
    if (claim === 'replayed') throw new Refusal('token_used', 'another agent has used this token');
    return session;
  }

  /** The agent to which a session secret was given. */
  session(secret: string | undefined): AgentIdentity {
    const [body = '', mac = ''] = secret?.split('.') ?? [];
    const given = Buffer.from(mac, 'base64url');
    const wanted = this.#mac(body);
    if (given.length !== wanted.length || !timingSafeEqual(given, wanted))
      throw new Refusal('unauthorised', 'not a session of this queue; open one with the token of the machine');
    const { m, t, s, y, e, x } = Session.parse(JSON.parse(Buffer.from(body, 'base64url').toString('utf8')));
    const until = instant(x * 1000);
    if (elapsed(until, this.#options.now()) > this.#options.tolerance)
      throw new Refusal('token_expired', 'the session has ended with the lifetime of its machine');
    this.#notBanned(m, s);
    return { machine: m, tenant: t, site: s, machinetype: y, environments: e, until };
  }

  /** Tenant that asks for its demand. */
  async demand(token: string | undefined): Promise<string> {
    const { tenant } = await this.#verify(token, 'vacua-demand');
    return String(tenant);
  }

  /** Claims of a token that one of the keys of the tenant it names has signed, within its times. */
  async #verify(token: string | undefined, audience: string): Promise<JWTPayload> {
    if (token === undefined) throw new Refusal('unauthorised', 'a token is missing; send Authorization: Bearer TOKEN');
    let tenant: unknown;
    try {
      tenant = decodeJwt(token)['tenant'];
    } catch (cause) {
      throw new Refusal('unauthorised', 'the token is not a JWT', { cause });
    }
    const { keys } = typeof tenant === 'string' ? this.#options.keys.of(tenant) : { keys: [] };
    for (const { key, algorithm } of keys) {
      try {
        const { payload } = await jwtVerify(token, key, {
          algorithms: [algorithm],
          audience,
          clockTolerance: this.#options.tolerance,
          currentDate: new Date(this.#options.now()),
          requiredClaims: ['exp', 'sub', 'jti'],
        });
        return payload;
      } catch (cause) {
        if (cause instanceof errors.JWTExpired) throw new Refusal('token_expired', 'the token has expired', { cause });
        if (cause instanceof errors.JWTClaimValidationFailed) throw new Refusal('unauthorised', `the token is not for this: claim ${cause.claim}`, { cause });
        if (!(cause instanceof errors.JOSEError)) throw cause;
        // Signed with another key: the tenant may have several while one is being replaced.
      }
    }
    throw new Refusal('unauthorised', 'the token is not signed by a tenant of this queue');
  }

  #notBanned(machine: string, site: string): void {
    if (this.#options.bannedMachines.has(machine)) throw new Refusal('banned', 'this machine is banned');
    if (this.#options.bannedSites.has(site)) throw new Refusal('banned', 'the site of this machine is banned');
  }

  #seal(session: z.infer<typeof Session>): string {
    const body = Buffer.from(JSON.stringify(session)).toString('base64url');
    return `${body}.${this.#mac(body).toString('base64url')}`;
  }
  #mac(body: string): Buffer {
    return createHmac('sha256', this.#options.sessionKey).update('agent session\n').update(body).digest();
  }
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
const claimFault = (error: z.ZodError): string => {
  const [issue] = error.issues;
  return `claim ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`;
};
