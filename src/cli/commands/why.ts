import type { Command } from 'commander';
import { encode } from '../../factory/control/codec.ts';
import { Decision } from '../../factory/control/schema.ts';
import { ControlError } from '../../factory/control/control-error.ts';
import { CliError, type CliContext, print, printJson } from '../context.ts';
import { printable } from '../text.ts';

export function register(program: Command, context: CliContext): void {
  program
    .command('why')
    .description('Say in words, with the numbers, why machines were or were not started in the last turn.')
    .argument('[machinetype]', 'this one only')
    .option('--json', 'print the reasons as data')
    .action(async (machinetype: string | undefined, options: { json?: true }) => {
      const daemon = context.daemon();
      const lines = await daemon.why(machinetype).catch((error: unknown) => {
        if (error instanceof ControlError && error.code === 'unknown_machinetype') throw new CliError(2, error.message, 'Name one of these.', error);
        throw error;
      });
      if (!options.json) return lines.forEach((line) => print(context.stdout, printable(line)));
      const { decision } = await daemon.turn();
      const { at, reasons, wakeAt } = encode(Decision, decision);
      const machinetypes = reasons.machinetypes.filter((m) => machinetype === undefined || m.machinetype === machinetype);
      printJson(context.stdout, { at, wakeAt, ...reasons, machinetypes });
    });
}
