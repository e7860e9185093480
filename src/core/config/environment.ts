import type { OpenStackApi } from '../cloud/settings.ts';
import type { Place } from './problem.ts';

/** What clouds.yaml or the OS_* variables say of a cloud, or why that cannot be used. `place`: where that stands. */
export type FoundCloud = { readonly notes?: readonly string[]; readonly place?: Place } & (
  | { readonly api: Pick<OpenStackApi, 'authUrl' | 'login'> & Partial<Pick<OpenStackApi, 'region' | 'interface' | 'caFile'>> }
  | { readonly wrong: string }
);

/** Facts about the host that the configuration is checked against. Gathered by the shell. */
export interface Environment {
  readonly hostName: string;
  /** Logical processors. */
  readonly processors: number;
  /** Default of `state_dir`. */
  readonly stateDir: string;
  /** Named on the command line: counts instead of `state_dir`. */
  readonly stateDirGiven?: string;
  /** Where files of a machinetype or of a pipe's prefix lie (spec/factory.md §2). */
  filesDir(stateDir: string, nameOrPrefix: string): string;
  /** State directory of a space at a cloud. */
  spaceDir(stateDir: string, space: string): string;
  volumeGroupExists(name: string): boolean;
  userExists(name: string): boolean;
  /** What is wrong with a file that should hold a key of the space; undefined: nothing. Without it, files are not looked at. */
  keyFileFault?(path: string): string | undefined;
  /** Entry of clouds.yaml, or without a name what OS_CLOUD or the other OS_* variables say; undefined: they say nothing, or are not looked at. */
  openstackCloud?(name: string | undefined): FoundCloud | undefined;
  /** Name used in problems that belong to no file: `/etc/vac.conf`. */
  readonly place: string;
}
