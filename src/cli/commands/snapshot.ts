import type { Command } from 'commander';
import { type CliContext, printJson } from '../context.ts';

export function register(program: Command, context: CliContext): void {
  program
    .command('snapshot')
    .description('Write everything the factory knew at its last turn as one JSON document, which `vacua decide` reads.')
    .option('--json', 'the only form; accepted everywhere')
    .action(async () => printJson(context.stdout, await context.daemon().situation()));
}
