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
  volumeGroupExists(name: string): boolean;
  userExists(name: string): boolean;
  /** What is wrong with a file that should hold a key of the space; undefined: nothing. Without it, files are not looked at. */
  keyFileFault?(path: string): string | undefined;
  /** Name used in problems that belong to no file: `/etc/vac.conf`. */
  readonly place: string;
}
