import { EC2Client } from '@aws-sdk/client-ec2';
import type { Ec2Api, Secret } from '../../core/cloud/settings.ts';

export type ReadSecret = (secret: Secret) => Promise<string>;

/** Secrets are read again after this time, so that a renewed one is taken up. */
const credentialMinutes = 5;
const attempts = 3;

/** One client per space, with connections and time limits of its own. */
export function makeClient(api: Ec2Api, readSecret: ReadSecret): EC2Client {
  const { region, endpoint, signingService } = api;
  return new EC2Client({
    region,
    ...(endpoint !== undefined && { endpoint }),
    // A compatible cloud may want another service's name in signatures (spec/cloud.md §1.3, `service`).
    ...(signingService !== undefined && { signingName: signingService }),
    credentials: async () => ({
      accessKeyId: await readSecret(api.accessKey),
      secretAccessKey: await readSecret(api.secretKey),
      ...(api.sessionToken && { sessionToken: await readSecret(api.sessionToken) }),
      expiration: new Date(Date.now() + credentialMinutes * 60_000),
    }),
    maxAttempts: attempts,
    requestHandler: { connectionTimeout: 10_000, requestTimeout: 60_000 },
  });
}
