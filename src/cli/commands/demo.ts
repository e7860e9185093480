import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { type CliContext, print } from '../context.ts';

export function register(program: Command, context: CliContext): void {
  program
    .command('demo')
    .description('See a factory fill this host with real virtual machines for two tenants, with a summary after about three minutes. Leaves nothing behind.')
    .addOption(new Option('--provider <provider>', 'qemu: real virtual machines; sim: simulated ones, in ten seconds').choices(['qemu', 'sim']).default('qemu'))
    .option('--keep', 'leave the directory of the demonstration for inspection')
    .option('--plain', 'progress lines instead of the live view')
    .action(async (options: { provider: 'qemu' | 'sim'; keep?: true; plain?: true }) => {
      const { runDemo } = await import('../../demo/main.ts');
      const code = await runDemo({
        provider: options.provider,
        keep: options.keep === true,
        ...(context.isTerminal && !options.plain ? { terminal: process.stdout } : {}),
        colour: context.colour,
        print: (line) => print(context.stdout, line),
        signal: context.signal,
        root: resolve(import.meta.dirname, '..', '..', '..'),
      });
      context.exit(code);
    });
}
