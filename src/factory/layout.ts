import { join } from 'node:path';
import type { MachineId } from '../core/units.ts';

/** Where everything lies below the state directory. The only place that knows these names; docs/architecture.md shows the tree. */
export const layout = (stateDir: string) => ({
  journal: join(stateDir, 'journal.db'),
  /** Control API, 0600. */
  control: join(stateDir, 'control.sock'),
  log: join(stateDir, 'factory.log'),
  machines: join(stateDir, 'machines'),
  /** Private to one machine, 0700: user data, outputs, console, disks, sockets. */
  machine: (id: MachineId): string => join(stateDir, 'machines', id),
  userData: (id: MachineId): string => join(stateDir, 'machines', id, 'user_data'),
  rootPublicKey: (id: MachineId): string => join(stateDir, 'machines', id, 'root_public_key'),
  joboutputs: (id: MachineId): string => join(stateDir, 'machines', id, 'joboutputs'),
  /** Job outputs that are being received; beside `joboutputs`, so that a finished one is moved there in one step. */
  incoming: (id: MachineId): string => join(stateDir, 'machines', id, 'incoming'),
  /** Of a space at a cloud: from it and a machine's id follows the machine's token, 0600. */
  guestKey: join(stateDir, 'guest-key'),
  /** State directory of a space at a cloud, with all of these again. */
  space: (name: string): string => join(stateDir, 'spaces', name),
  images: join(stateDir, 'imagecache'),
  pipes: join(stateDir, 'pipescache'),
  /** Last good copies of user data templates, where the site allows their use. */
  templates: join(stateDir, 'templatescache'),
  /** Last `factory_status` of every factory of the space, one file each (spec/factory.md §18). */
  census: join(stateDir, 'space-census'),
  /** `files/` and X.509 credentials of a machinetype or of a pipe's prefix (spec/factory.md §2). */
  machinetype: (nameOrPrefix: string): string => join(stateDir, 'machinetypes', nameOrPrefix),
});
export type Layout = ReturnType<typeof layout>;

/** Where a factory keeps everything when neither an option nor the configuration says so: by user, so that none needs root. */
export const defaultStateDir = (uid: number, home: string, xdgStateHome: string | undefined): string =>
  uid === 0 ? '/var/lib/vacua' : join(xdgStateHome?.startsWith('/') ? xdgStateHome : join(home, '.local', 'state'), 'vacua');
