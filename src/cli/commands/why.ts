import type { Command } from 'commander';
import { encode } from '../../factory/control/codec.ts';
import { Decision } from '../../factory/control/schema.ts';
import type { ControlClient } from '../../factory/control/client.ts';
import { ControlError } from '../../factory/control/control-error.ts';
import { CliError, type CliContext, print, printJson } from '../context.ts';
import { isPlain, meantSpaces, spaceOption } from '../spaces.ts';
import { printable } from '../text.ts';

export function register(program: Command, context: CliContext): void {
  program
    .command('why')
    .description('Say in words, with the numbers, why machines were or were not started in the last turn.')
    .argument('[machinetype]', 'this one only')
    .option(...spaceOption)
    .option('--json', 'print the reasons as data')
    .action(async (machinetype: string | undefined, options: { space?: string; json?: true }) => {
      const spaces = await meantSpaces(context, options.space);
      const daemon = options.space === undefined ? context.daemon() : context.daemon().of(options.space);
      const lines = await daemon.why(machinetype).catch((error: unknown) => {
        if (error instanceof ControlError && error.code === 'unknown_machinetype') throw new CliError(2, error.message, 'Name one of these.', error);
        throw error;
      });
      if (!options.json) return lines.forEach((line) => print(context.stdout, printable(line)));
      if (isPlain(spaces) || options.space !== undefined) return printJson(context.stdout, await reasonsOf(daemon, machinetype));
      const all = await Promise.all(
        spaces.map(async ({ space, why }) => ({ space, ...(why === undefined ? await unlessNone(daemon.of(space), machinetype) : { why }) })),
      );
      printJson(context.stdout, { spaces: all });
    });
}

async function reasonsOf(daemon: ControlClient, machinetype: string | undefined): Promise<object> {
  const { decision } = await daemon.turn();
  const { at, reasons, wakeAt } = encode(Decision, decision);
  const machinetypes = reasons.machinetypes.filter((m) => machinetype === undefined || m.machinetype === machinetype);
  return { at, wakeAt, ...reasons, machinetypes };
}

/** A space that has not turned yet says why. */
async function unlessNone(daemon: ControlClient, machinetype: string | undefined): Promise<object> {
  try {
    return await reasonsOf(daemon, machinetype);
  } catch (error) {
    if (error instanceof ControlError && error.code === 'no_turn') return { why: error.message };
    throw error;
  }
}
