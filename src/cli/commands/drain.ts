import { Argument, type Command } from 'commander';
import { type CliContext, print, printJson } from '../context.ts';

export function register(program: Command, context: CliContext): void {
  program
    .command('drain')
    .description('Stop starting machines, or start them again. Machines that run are left alone. Survives a restart of the factory.')
    .addArgument(new Argument('[on|off]', 'left out: print the present state').choices(['on', 'off']))
    .option('--json', 'print JSON')
    .action(async (word: 'on' | 'off' | undefined, options: { json?: true }) => {
      const daemon = context.daemon();
      const draining = word === undefined ? (await daemon.status()).draining : await daemon.drain(word === 'on');
      if (options.json) printJson(context.stdout, { draining });
      else print(context.stdout, draining ? 'draining: no machine is started; those that run are left alone' : 'not draining');
      if (word === 'off' && draining) {
        print(context.stderr, 'vacua: the configuration itself says draining = yes');
        print(context.stderr, 'Remove it from [settings]; `vacua check` names the file.');
        context.exit(1);
      }
    });
}
