import type { Command } from 'commander';
import { Machinetypes } from '../../factory/control/answers.ts';
import { encode } from '../../factory/control/codec.ts';
import { type CliContext, print, printJson } from '../context.ts';
import { heading, isPlain, meantSpaces, spaceOption, unserved } from '../spaces.ts';
import { machinetypesView } from '../views/machinetypes.ts';

export function register(program: Command, context: CliContext): void {
  program
    .command('machinetypes')
    .description('List machinetypes: target and present share, machines here, what the last turn said of them, and their last end.')
    .option(...spaceOption)
    .option('--json', 'print the answer of the control API')
    .action(async (options: { space?: string; json?: true }) => {
      const { stdout, width, colour } = context;
      const spaces = await meantSpaces(context, options.space);
      const machinetypes = await (options.space === undefined ? context.daemon() : context.daemon().of(options.space)).machinetypes();
      if (options.json) return printJson(stdout, encode(Machinetypes, { machinetypes }));
      for (const entry of spaces) {
        const own = machinetypes.filter(({ space = entry.space }) => space === entry.space);
        if (!isPlain(spaces)) print(stdout, heading(entry.space, colour));
        for (const line of entry.status ? machinetypesView(own, context.now(), width, colour) : unserved(entry).lines()) print(stdout, line);
      }
    });
}
