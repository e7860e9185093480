import { existsSync, readFileSync } from 'node:fs';
import { cpus, homedir, hostname } from 'node:os';
import { join, resolve } from 'node:path';
import type { Environment } from '../../core/config/environment.ts';
import { keyFileFault } from '../space/key-files.ts';
import { defaultStateDir, layout } from '../layout.ts';
import { type CredentialSurroundings, openstackCloud } from './openstack-credentials.ts';

/** What the configuration is checked against on this host. `stateDirGiven`: named on the command line. */
export const hostEnvironment = (stateDirGiven?: string): Environment => ({
  hostName: hostname(),
  processors: Math.max(1, cpus().length),
  stateDir: defaultStateDir(process.getuid?.() ?? 0, homedir(), process.env['XDG_STATE_HOME']),
  ...(stateDirGiven !== undefined && { stateDirGiven: resolve(stateDirGiven) }),
  filesDir: (dir, nameOrPrefix) => join(layout(dir).machinetype(nameOrPrefix), 'files'),
  spaceDir: (dir, space) => layout(dir).space(space),
  volumeGroupExists: (name) => existsSync(join('/dev', name)) || existsSync(join('/etc/lvm/backup', name)),
  userExists: (name) => localUsers().includes(name),
  keyFileFault,
  openstackCloud: (name) => openstackCloud(name, credentialSurroundings()),
  place: '/etc/vac.conf',
});

/** Where this process looks for credentials of OpenStack clouds. */
export const credentialSurroundings = (): CredentialSurroundings => ({ env: process.env, home: homedir(), etc: '/etc', cwd: process.cwd() });

function localUsers(): readonly string[] {
  try {
    return readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .map((line) => line.split(':')[0] ?? '');
  } catch {
    return []; // no list of users: no user is known
  }
}
