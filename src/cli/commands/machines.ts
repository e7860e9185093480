import type { Command } from 'commander';
import { Machines } from '../../factory/control/answers.ts';
import { encode } from '../../factory/control/codec.ts';
import { type CliContext, print, printJson } from '../context.ts';
import { machinesView, shownMachines } from '../views/machines.ts';

export function register(program: Command, context: CliContext): void {
  program
    .command('machines')
    .description('List the machines of this factory: live ones, and the last end in each empty slot.')
    .option('-a, --all', 'every machine that is not forgotten, finished ones included')
    .option('--json', 'print the answer of the control API')
    .action(async (options: { all?: true; json?: true }) => {
      const daemon = context.daemon();
      const shown = shownMachines(await daemon.machines(), options.all === true);
      if (options.json) return printJson(context.stdout, encode(Machines, { machines: shown }));
      for (const line of machinesView(await daemon.status(), shown, context.now(), context.width, context.colour)) print(context.stdout, line);
    });
}
