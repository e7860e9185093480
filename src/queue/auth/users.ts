import { readFileSync } from 'node:fs';
import { createLocalJWKSet, createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import type { Instant } from '../../core/units.ts';
import type { OidcSettings, Tenant } from '../config/settings.ts';
import { Refusal } from '../refusal.ts';
import type { LocalTokens } from './local-tokens.ts';

/** Who asks. */
export interface User {
  readonly owner: string;
  /** Names of tenants whose member it is. */
  readonly tenants: ReadonlySet<string>;
  /** May see and end the jobs of everybody. */
  readonly administrator: boolean;
}

export interface UserTrustOptions {
  readonly oidc?: OidcSettings;
  /** Absent: local tokens are not accepted. */
  readonly local?: LocalTokens;
  /** Owner in the local tokens who runs the queue, and so may do everything. */
  readonly localAdministrator: string;
  readonly administrators: readonly string[];
  readonly tenants: ReadonlyMap<string, Tenant>;
  readonly now: () => Instant;
}

/** Signatures that are accepted from an issuer, whatever its keys allow. */
const algorithms = ['EdDSA', 'ES256', 'RS256'];

/** Decides which users are believed. Throws a Refusal alone. */
export class UserTrust {
  readonly #options: UserTrustOptions;
  readonly #keys: JWTVerifyGetKey | undefined;

  /** Throws when the file of the issuer's keys cannot be used. */
  constructor(options: UserTrustOptions) {
    this.#options = options;
    if (options.oidc !== undefined) this.#keys = keysOf(options.oidc);
  }

  async user(token: string | undefined): Promise<User> {
    if (token === undefined) throw new Refusal('unauthorised', 'a token is missing; send Authorization: Bearer TOKEN');
    const local = this.#options.local?.find(token);
    if (local !== undefined) {
      const known = [...this.#options.tenants.keys()];
      return {
        owner: local.owner,
        tenants: new Set(local.tenants.includes('*') ? known : known.filter((name) => local.tenants.includes(name))),
        administrator: local.owner === this.#options.localAdministrator || this.#options.administrators.includes(local.owner),
      };
    }
    const { oidc, now, administrators } = this.#options;
    if (oidc === undefined || this.#keys === undefined) throw new Refusal('unauthorised', 'the token is none of this queue');
    const claims = await verified(token, this.#keys, oidc, now());
    const owner = claims.sub;
    if (typeof owner !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(owner)) throw new Refusal('unauthorised', 'the token names no subject (claim sub)');
    const groups = groupsOf(claims[oidc.tenantClaim]);
    const member = [...this.#options.tenants.values()].filter((t) => t.users.has(owner) || groups.some((group) => t.groups.has(group)));
    return { owner, tenants: new Set(member.map((t) => t.name)), administrator: administrators.includes(owner) };
  }
}

function keysOf({ keys }: OidcSettings): JWTVerifyGetKey {
  if ('url' in keys) return createRemoteJWKSet(new URL(keys.url), { timeoutDuration: 5000 });
  try {
    return createLocalJWKSet(JSON.parse(readFileSync(keys.file, 'utf8')) as Parameters<typeof createLocalJWKSet>[0]);
  } catch (cause) {
    throw new Error(`${keys.file} holds no keys of an issuer: ${String(cause)}; valid: a JSON Web Key Set`, { cause });
  }
}

async function verified(token: string, keys: JWTVerifyGetKey, oidc: OidcSettings, now: Instant): Promise<JWTPayload> {
  try {
    const { payload } = await jwtVerify(token, keys, {
      algorithms,
      issuer: oidc.issuer,
      audience: oidc.audience,
      clockTolerance: oidc.clockTolerance,
      currentDate: new Date(now),
      requiredClaims: ['exp', 'sub'],
    });
    return payload;
  } catch (cause) {
    if (cause instanceof errors.JWTExpired) throw new Refusal('token_expired', 'the token has expired; get a new one from its issuer', { cause });
    if (cause instanceof errors.JWTClaimValidationFailed) throw new Refusal('unauthorised', `the token is not for this queue: claim ${cause.claim}`, { cause });
    // What the issuer could not tell us is no fault of the token.
    if (cause instanceof errors.JWKSTimeout || !(cause instanceof errors.JOSEError) || cause.code === 'ERR_JOSE_GENERIC') {
      throw new Refusal('unavailable', 'the keys of the issuer of tokens cannot be had now', { retryAfter: 10, cause });
    }
    throw new Refusal('unauthorised', 'the token is none of this queue', { cause });
  }
}

/** A list, or words between blanks or commas. */
function groupsOf(claim: unknown): readonly string[] {
  if (typeof claim === 'string') return claim.split(/[\s,]+/).filter((word) => word !== '');
  return Array.isArray(claim) ? claim.filter((word) => typeof word === 'string') : [];
}
