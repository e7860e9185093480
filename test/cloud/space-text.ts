import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { hostAddress } from './bed.ts';
import type { Project } from './project.ts';

export interface SpaceText {
  readonly project: Project;
  readonly space: string;
  /** Holds the user's password, 0600. */
  readonly passwordFile: string;
  /** Where this manager answers guests, at the host's address in their network. */
  readonly guestPort: number;
  readonly machinesLimit: number;
  /** Further lines of the section. */
  readonly more?: readonly string[];
}

/** `[space NAME]` for a project of the test bed. */
export const spaceText = ({ project, space, passwordFile, guestPort, machinesLimit, more = [] }: SpaceText): string =>
  [
    `[space ${space}]`,
    'api = openstack',
    `url = ${project.authUrl}`,
    `username = ${project.name}`,
    `password_file = ${passwordFile}`,
    `project_name = ${project.name}`,
    'networks = testnet',
    'config_drive = yes',
    `machines_limit = ${machinesLimit}`,
    `guest_url = http://${hostAddress}:${guestPort}`,
    `guest_listen = ${hostAddress}:${guestPort}`,
    ...more,
    '',
  ].join('\n');

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, hostAddress);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** User data of the test bed's guest: `put NAME TEXT` stores a job output, waiting for a manager that is away. */
export const guestStart = `#!/bin/sh
url='##user_data_joboutputs_url##'
rest=\${url#http://}
place=/\${rest#*/} address=\${rest%%/*}
put() {
  until {
    printf 'PUT %s/%s HTTP/1.0\\r\\nHost: %s\\r\\nContent-Length: %d\\r\\n\\r\\n%s' "$place" "$1" "$address" \${#2} "$2"
    sleep 1
  } | timeout 10 nc "\${address%:*}" "\${address#*:}" | grep -q '^HTTP/1.. 201 '; do sleep 1; done
}
`;
