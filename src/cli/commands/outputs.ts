import type { Command } from 'commander';
import { Outputs } from '../../factory/control/answers.ts';
import { encode } from '../../factory/control/codec.ts';
import { ControlError } from '../../factory/control/control-error.ts';
import { CliError, type CliContext, print, printJson } from '../context.ts';
import { findMachine } from '../find-machine.ts';
import { table } from '../table.ts';
import { printable, printableLines } from '../text.ts';
import { bothTimes } from '../time-text.ts';

export function register(program: Command, context: CliContext): void {
  program
    .command('outputs')
    .description('List the files that a machine has stored, or print one of them. Its text is made printable.')
    .argument('<machine>', 'name, name without domain, or the first characters of its id')
    .argument('[name]', 'file to print')
    .option('--raw', 'the bytes as the machine wrote them, escape sequences included')
    .option('--json', 'print the list as the control API answers it')
    .action(async (wanted: string, name: string | undefined, options: { raw?: true; json?: true }) => {
      const daemon = context.daemon();
      const machine = findMachine(await daemon.machines(), wanted);
      const outputs = await daemon.outputs(machine.id);
      if (options.json) return printJson(context.stdout, encode(Outputs, { outputs }));
      if (name === undefined) {
        if (outputs.length === 0) return print(context.stdout, `${printable(machine.name)} has stored nothing`);
        const rows = outputs.map((o) => [o.name, String(o.size), bothTimes(o.modifiedAt, context.now())]);
        const columns = [{ title: 'NAME', shrinkTo: 12 }, { title: 'BYTES', align: 'right' as const }, { title: 'WRITTEN' }];
        return table(rows, columns, context.width, context.colour).forEach((line) => print(context.stdout, line));
      }
      const decoder = new TextDecoder();
      for await (const chunk of await opened(name)) {
        context.stdout.write(options.raw ? chunk : printableLines(decoder.decode(chunk, { stream: true })));
      }

      async function opened(file: string): Promise<AsyncIterable<Uint8Array>> {
        try {
          return await daemon.output(machine.id, file);
        } catch (error) {
          if (!(error instanceof ControlError) || error.code !== 'unknown_output') throw error;
          throw new CliError(2, error.message, `It has stored: ${outputs.map((o) => o.name).join(', ') || 'nothing'}`, error);
        }
      }
    });
}
