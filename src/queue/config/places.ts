import { join } from 'node:path';

/** Everything that a queue keeps, relative to its directory. Other code never builds these paths itself. Private to its user, 0700. */
export const queuePlaces = (queueDir: string) => ({
  /** Tokens of users on this host, 0600: `TOKEN OWNER TENANT…` per line. */
  tokens: join(queueDir, 'tokens'),
  /** Key of the sessions of agents, 0600; the same for all servers of a queue. */
  sessionKey: join(queueDir, 'session.key'),
  /** Where the server of this host answers, for commands on this host. */
  address: join(queueDir, 'address'),
  tenants: join(queueDir, 'tenants'),
  publicKey: (tenant: string): string => join(queueDir, 'tenants', `${tenant}.pub`),
  privateKey: (tenant: string): string => join(queueDir, 'tenants', `${tenant}.key`),
  sandbox: join(queueDir, 'sandbox'),
});
export type QueuePlaces = ReturnType<typeof queuePlaces>;
