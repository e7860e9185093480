import type { Command } from 'commander';
import { type CliContext, print, printJson } from '../context.ts';
import { withSpaceOptions } from '../space-options.ts';
import { spaceShares } from '../space-shares.ts';
import type { SpaceOptions } from '../space-source.ts';
import { shareFigures, sharesView } from '../views/shares.ts';

export function register(program: Command, context: CliContext): void {
  withSpaceOptions(
    program.command('shares').description('Compare what each machinetype has of the whole space with its target, and say which factories are not counted.'),
  )
    .option('--json', 'print JSON')
    .action(async (options: SpaceOptions & { json?: true }) => {
      const shares = await spaceShares(context, options);
      const { space, rows, counted, silent } = shares;
      if (counted === 0) context.exit(3);
      if (options.json) return printJson(context.stdout, { space, machinetypes: shareFigures(rows), counted, silent });
      for (const line of sharesView(shares, context.width, context.colour)) print(context.stdout, line);
    });
}
