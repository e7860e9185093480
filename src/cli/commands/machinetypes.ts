import type { Command } from 'commander';
import { Machinetypes } from '../../factory/control/answers.ts';
import { encode } from '../../factory/control/codec.ts';
import { type CliContext, print, printJson } from '../context.ts';
import { machinetypesView } from '../views/machinetypes.ts';

export function register(program: Command, context: CliContext): void {
  program
    .command('machinetypes')
    .description('List machinetypes: target and present share, machines here, what the last turn said of them, and their last end.')
    .option('--json', 'print the answer of the control API')
    .action(async (options: { json?: true }) => {
      const machinetypes = await context.daemon().machinetypes();
      if (options.json) return printJson(context.stdout, encode(Machinetypes, { machinetypes }));
      for (const line of machinetypesView(machinetypes, context.now(), context.width, context.colour)) print(context.stdout, line);
    });
}
