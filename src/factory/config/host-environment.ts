import { existsSync, readFileSync } from 'node:fs';
import { cpus, hostname } from 'node:os';
import { join } from 'node:path';
import type { Environment } from '../../core/config/environment.ts';
import { layout } from '../layout.ts';

/** What the configuration is checked against on this host. `stateDir`: default of `state_dir`. */
export const hostEnvironment = (stateDir: string, facts: Partial<Pick<Environment, 'hostName' | 'processors' | 'place'>> = {}): Environment => ({
  hostName: facts.hostName ?? hostname(),
  processors: facts.processors ?? Math.max(1, cpus().length),
  stateDir,
  filesDir: (dir, nameOrPrefix) => join(layout(dir).machinetype(nameOrPrefix), 'files'),
  volumeGroupExists: (name) => existsSync(join('/dev', name)) || existsSync(join('/etc/lvm/backup', name)),
  userExists: (name) => localUsers().includes(name),
  place: facts.place ?? '/etc/vac.conf',
});

function localUsers(): readonly string[] {
  try {
    return readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .map((line) => line.split(':')[0] ?? '');
  } catch {
    return []; // no list of users: no user is known
  }
}
