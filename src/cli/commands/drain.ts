import { Argument, type Command } from 'commander';
import { type CliContext, print, printJson } from '../context.ts';
import { isPlain, meantSpaces, spaceOption } from '../spaces.ts';
import { printable } from '../text.ts';

export function register(program: Command, context: CliContext): void {
  program
    .command('drain')
    .description('Stop starting machines, or start them again. Machines that run are left alone. Survives a restart of the factory.')
    .addArgument(new Argument('[on|off]', 'left out: print the present state').choices(['on', 'off']))
    .option(...spaceOption)
    .option('--json', 'print JSON')
    .action(async (word: 'on' | 'off' | undefined, options: { space?: string; json?: true }) => {
      await meantSpaces(context, options.space);
      const daemon = options.space === undefined ? context.daemon() : context.daemon().of(options.space);
      if (word !== undefined) await daemon.drain(word === 'on');
      const spaces = await meantSpaces(context, options.space);
      const states = spaces.flatMap(({ space, status }) => (status ? [{ space, draining: status.draining }] : []));
      const draining = word === 'off' ? states.some((s) => s.draining) : states.length > 0 && states.every((s) => s.draining);
      const several = !isPlain(spaces) && options.space === undefined;
      if (options.json) printJson(context.stdout, several ? { draining, spaces: states } : { draining });
      else if (several) for (const s of states) print(context.stdout, `${printable(s.space)}: ${s.draining ? 'draining' : 'not draining'}`);
      else print(context.stdout, draining ? 'draining: no machine is started; those that run are left alone' : 'not draining');
      if (word === 'off' && draining) {
        print(context.stderr, 'vacua: the configuration itself says draining = yes');
        print(context.stderr, 'Remove it from [settings] or from the space; `vacua check` names the file.');
        context.exit(1);
      }
    });
}
