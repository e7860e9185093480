import { type Environment, tagsOf } from '../environment/environment.ts';
import type { MachineFacts } from '../machine.ts';
import { type Instant, later, type Seconds, seconds, unixSeconds } from '../units.ts';

/** Audiences of the two tokens that a factory makes (src/queue/agent-protocol.md). */
export const agentAudience = 'vacua-queue';
export const demandAudience = 'vacua-demand';

/** An agent that is told to end still returns its job and its outputs. */
const afterTheEnd = seconds(600);
/** A demand token is made anew for each question. */
const demandLifetime = seconds(300);

interface TokenClaims {
  /** The factory. */
  readonly iss: string;
  readonly sub: string;
  readonly aud: string;
  readonly jti: string;
  /** Unix seconds. */
  readonly iat: number;
  readonly nbf: number;
  readonly exp: number;
  readonly tenant: string;
}

export interface AgentClaims extends TokenClaims {
  readonly aud: typeof agentAudience;
  readonly site: string;
  readonly machinetype: string;
  /** Names and tags of the execution environments that the machine is. */
  readonly environments: readonly string[];
}

export interface DemandClaims extends TokenClaims {
  readonly aud: typeof demandAudience;
}

export interface AgentTokenFacts {
  readonly machine: Pick<MachineFacts, 'id' | 'machinetype' | 'shutdownTime'>;
  readonly factory: string;
  readonly site: string;
  readonly tenant: string;
  /** Names in the machinetype's own section. */
  readonly environments: readonly string[];
  /** All environments of the site. */
  readonly defined: readonly Pick<Environment, 'name' | 'tags' | 'appName' | 'appVersion' | 'machinetypes'>[];
  /** Unguessable, new for each token. */
  readonly jti: string;
}

/** What a machine's token says of it. It is good until ten minutes after the end of the machine's lifetime. */
export function agentClaims(facts: AgentTokenFacts, now: Instant): AgentClaims {
  const { machine, tenant, site } = facts;
  return {
    ...times(now, seconds((later(machine.shutdownTime, afterTheEnd) - now) / 1000)),
    iss: facts.factory,
    sub: machine.id,
    aud: agentAudience,
    jti: facts.jti,
    tenant,
    site,
    machinetype: machine.machinetype,
    environments: namesAndTags(facts),
  };
}

/** What a factory shows when it asks a tenant's queue for the number of waiting jobs. */
export const demandClaims = (about: { readonly factory: string; readonly tenant: string; readonly jti: string }, now: Instant): DemandClaims => ({
  ...times(now, demandLifetime),
  iss: about.factory,
  sub: about.factory,
  aud: demandAudience,
  jti: about.jti,
  tenant: about.tenant,
});

const times = (now: Instant, lifetime: Seconds): Pick<TokenClaims, 'iat' | 'nbf' | 'exp'> => ({
  iat: unixSeconds(now),
  nbf: unixSeconds(now),
  exp: unixSeconds(later(now, lifetime)),
});

function namesAndTags({ machine, environments, defined }: AgentTokenFacts): readonly string[] {
  const own = defined.filter((e) => environments.includes(e.name) || e.machinetypes.includes(machine.machinetype));
  return [...new Set([...environments, ...own.flatMap((e) => [e.name, ...tagsOf(e)])])];
}
