import { Argument, type Command } from 'commander';
import { type CliContext, print } from '../context.ts';
import { findMachine } from '../find-machine.ts';
import { printable } from '../text.ts';

export function register(program: Command, context: CliContext): void {
  program
    .command('hold')
    .description('Keep a machine for debugging: neither a lost heartbeat nor the end of its lifetime ends it. Or let it go again.')
    .argument('<machine>', 'name, name without domain, or the first characters of its id')
    .addArgument(new Argument('[on|off]', 'whether it is kept').choices(['on', 'off']).default('on'))
    .action(async (wanted: string, word: 'on' | 'off') => {
      const daemon = context.daemon();
      const machine = findMachine(await daemon.machines(), wanted);
      await daemon.hold(machine.id, word === 'on');
      const name = printable(machine.name);
      print(context.stdout, word === 'on' ? `${name} is held until \`vacua hold ${name} off\` or its own end` : `${name} is no longer held`);
    });
}
