import type { Command } from 'commander';
import { CliError, type CliContext, print } from '../context.ts';
import { findMachine, stateWord } from '../find-machine.ts';
import { printable } from '../text.ts';

export function register(program: Command, context: CliContext): void {
  program
    .command('destroy')
    .description('End a machine: it is asked to shut down, then removed by force. What it has stored is kept like that of any other.')
    .argument('<machine>', 'name, name without domain, or the first characters of its id')
    .option('-y, --yes', 'do it; without this the machine is only named')
    .action(async (wanted: string, options: { yes?: true }) => {
      const daemon = context.daemon();
      const machine = findMachine(await daemon.machines(), wanted);
      const name = `${printable(machine.name)} (${machine.id}, ${printable(machine.machinetype)}, ${stateWord(machine.state).toLowerCase()})`;
      if (machine.state === 'finished') throw new CliError(1, `${name} has already ended`, 'See `vacua machines` for those that run.');
      if (!options.yes) throw new CliError(1, `${name} would be ended, and its work lost`, 'Say it again with --yes.');
      await daemon.destroy(machine.id);
      print(context.stdout, `${name} is being ended; follow it with \`vacua logs ${printable(machine.name)}\``);
    });
}
