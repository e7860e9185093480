import { InvalidArgumentError, type Command } from 'commander';
import type { SpaceEntry } from '../../factory/control/answers.ts';
import type { ConfigurationAnswer } from '../../factory/control/client.ts';
import { ControlError } from '../../factory/control/control-error.ts';
import { type CliContext, print, printJson } from '../context.ts';
import { isPlain, meantSpaces, spaceOption } from '../spaces.ts';
import { printable } from '../text.ts';
import { type Health, health } from '../views/health.ts';

export function register(program: Command, context: CliContext): void {
  program
    .command('health')
    .description('Check for Nagios: prints one line and ends with 0 (ok), 1 (warning) or 2 (critical).')
    .argument('[seconds]', 'age that the last turn may have', positive, 600)
    .option(...spaceOption)
    .option('--json', 'print JSON')
    .action(async (limit: number, options: { space?: string; json?: true }) => {
      const { code, line } = await found(context, limit, options.space);
      if (options.json) printJson(context.stdout, { code, line });
      else print(context.stdout, line);
      context.exit(code);
    });
}

/** Of several spaces, the worst; every one that is not well is named. */
async function found(context: CliContext, limit: number, space: string | undefined): Promise<Health> {
  try {
    const spaces = await meantSpaces(context, space);
    const site = await context.daemon().configuration();
    const all = await Promise.all(spaces.map(async (entry) => ({ space: entry.space, ...(await healthOf(context, entry, limit, site)) })));
    const [only] = all;
    if (only && isPlain(spaces)) return only;
    if (!only) return { code: 2, line: 'CRITICAL: the configuration has no space that can be served; see vacua check' };
    const code = all.reduce<Health['code']>((worst, one) => (one.code > worst ? one.code : worst), 0);
    const told = all.filter((one) => one.code > 0);
    return { code, line: (told.length > 0 ? told.toSorted((a, b) => b.code - a.code) : all).map((one) => printable(`${one.line} [${one.space}]`)).join('; ') };
  } catch (error) {
    if (error instanceof ControlError) return { code: 2, line: printable(`CRITICAL: ${error.message}`) };
    throw error;
  }
}

async function healthOf(context: CliContext, { space, status, why }: SpaceEntry, limit: number, site: ConfigurationAnswer): Promise<Health> {
  if (status === undefined) return { code: 2, line: printable(`CRITICAL: ${why ?? 'it is not served'}`) };
  const daemon = context.daemon().of(space);
  const machines = await daemon.machines();
  const turn = status.lastTurnAt === undefined ? undefined : await daemon.turn();
  // The host is not blamed for sections of spaces.
  const own = (section: string | undefined): boolean =>
    /^(space|machinetype|vacuum_pipe) \S+( |$)/.test(section ?? '') && (section ?? '').split(' ')[1] === space;
  const ofSpaces = (section: string | undefined): boolean => /^(space \S+|(machinetype|vacuum_pipe) \S+ \S+)$/.test(section ?? '');
  const problems = site.problems.filter(({ section }) => (status.cloud ? own(section) : !ofSpaces(section)));
  const pipes = site.pipes.filter((pipe) => (status.cloud ? pipe.space === space : pipe.space === undefined));
  return health({ status, machines, configuration: { ...site, problems, pipes }, turn, now: context.now(), limit });
}

function positive(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It must be a whole number of seconds above 0.');
  return Number(text);
}
