import type { SpaceEntry } from '../factory/control/answers.ts';
import type { ControlClient } from '../factory/control/client.ts';
import { ControlError } from '../factory/control/control-error.ts';
import { CliError, type CliContext, print, printJson } from './context.ts';
import type { SpaceOptions } from './space-source.ts';
import { styled } from './table.ts';
import { printable } from './text.ts';

/** `--space` of commands that speak of the daemon here and not of other factories. */
export const spaceOption = ['--space <name>', 'this space alone, where the daemon has several'] as const;

/** Spaces of the daemon that runs here; undefined: none runs. */
export async function localSpaces(context: Pick<CliContext, 'daemon'>): Promise<readonly SpaceEntry[] | undefined> {
  try {
    return await context.daemon().spaces();
  } catch (error) {
    if (error instanceof ControlError && error.code === 'not_running') return undefined;
    throw error;
  }
}

/** Whether names of spaces have to be told: there are several, or one at a cloud. */
export const isPlain = (spaces: readonly SpaceEntry[]): boolean =>
  spaces.length === 1 && spaces[0]?.status !== undefined && spaces[0].status.cloud === undefined;

/** The spaces that a command is about: all of the daemon, or the one that a person names. Throws `CliError` when there is none of that name. */
export async function meantSpaces(context: Pick<CliContext, 'daemon'>, name: string | undefined): Promise<readonly SpaceEntry[]> {
  const all = await context.daemon().spaces();
  const found = all.filter(({ space }) => name === undefined || space === name);
  if (found.length > 0 || name === undefined) return found;
  throw new CliError(2, `the daemon here has no space "${printable(name)}"`, `It has: ${all.map(({ space }) => printable(space)).join(', ') || 'none'}.`);
}

/** What a command has to say of one space. */
export interface Said {
  readonly lines: () => readonly string[];
  readonly json: () => object;
}

/**
 * Prints what is to be said of each space of the daemon here, under its name where there are several; of one alone as if there were no others.
 * `of`: asks about one space, with the options for that.
 */
export async function perSpace<O extends SpaceOptions & { readonly json?: true }>(
  context: CliContext,
  options: O,
  of: (options: O) => Promise<Said>,
): Promise<void> {
  const { stdout, colour } = context;
  const all = options.space === undefined && options.port === undefined ? await localSpaces(context) : undefined;
  if (all === undefined || isPlain(all) || all.length === 0) {
    const said = await of(options);
    if (options.json) return printJson(stdout, said.json());
    for (const line of said.lines()) print(stdout, line);
    return;
  }
  // Asked at the same time, so that a slow space delays no other.
  const found = await Promise.all(all.map(async (entry) => ({ entry, said: entry.status ? await of({ ...options, space: entry.space }) : unserved(entry) })));
  if (options.json) return printJson(stdout, { spaces: found.map(({ entry, said }) => ({ ...said.json(), space: entry.space })) });
  for (const [i, { entry, said }] of found.entries()) {
    if (i > 0) print(stdout);
    print(stdout, heading(entry.space, colour));
    for (const line of said.lines()) print(stdout, line);
  }
}

export const heading = (space: string, colour: boolean): string => styled(`space ${printable(space)}`, 'bold', colour);

export const unserved = ({ why = 'it is not served' }: SpaceEntry): Said => ({ lines: () => [printable(why)], json: () => ({ why }) });

/** The daemon, asked about this space where it has more than one; undefined: it has no such space, or none runs. */
export async function daemonOf(context: Pick<CliContext, 'daemon'>, { space, port }: SpaceOptions): Promise<ControlClient | undefined> {
  if (port !== undefined) return undefined;
  const all = await localSpaces(context);
  if (all === undefined) return undefined;
  if (space === undefined) return context.daemon();
  return !isPlain(all) && all.some((entry) => entry.space === space) ? context.daemon().of(space) : undefined;
}
