import { InvalidArgumentError, type Command } from 'commander';
import { ControlError } from '../../factory/control/control-error.ts';
import { type CliContext, print, printJson } from '../context.ts';
import { printable } from '../text.ts';
import { type Health, health } from '../views/health.ts';

export function register(program: Command, context: CliContext): void {
  program
    .command('health')
    .description('Check for Nagios: prints one line and ends with 0 (ok), 1 (warning) or 2 (critical).')
    .argument('[seconds]', 'age that the last turn may have', positive, 600)
    .option('--json', 'print JSON')
    .action(async (limit: number, options: { json?: true }) => {
      const { code, line } = await found(context, limit);
      if (options.json) printJson(context.stdout, { code, line });
      else print(context.stdout, line);
      context.exit(code);
    });
}

async function found(context: CliContext, limit: number): Promise<Health> {
  const daemon = context.daemon();
  try {
    const [status, machines, configuration] = await Promise.all([daemon.status(), daemon.machines(), daemon.configuration()]);
    const turn = status.lastTurnAt === undefined ? undefined : await daemon.turn();
    return health({ status, machines, configuration, turn, now: context.now(), limit });
  } catch (error) {
    if (error instanceof ControlError) return { code: 2, line: printable(`CRITICAL: ${error.message}`) };
    throw error;
  }
}

function positive(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It must be a whole number of seconds above 0.');
  return Number(text);
}
