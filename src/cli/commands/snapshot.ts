import type { Command } from 'commander';
import { type CliContext, printJson } from '../context.ts';
import { meantSpaces } from '../spaces.ts';

export function register(program: Command, context: CliContext): void {
  program
    .command('snapshot')
    .description('Write everything the factory knew at its last turn as one JSON document, which `vacua decide` reads.')
    .option('--space <name>', "this space; default: the host's own, else the first")
    .option('--json', 'the only form; accepted everywhere')
    .action(async ({ space }: { space?: string }) => {
      await meantSpaces(context, space);
      printJson(context.stdout, await (space === undefined ? context.daemon() : context.daemon().of(space)).situation());
    });
}
