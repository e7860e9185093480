import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { withSpaceOptions } from '../space-options.ts';
import { spaceShares } from '../space-shares.ts';
import type { SpaceOptions } from '../space-source.ts';
import { perSpace } from '../spaces.ts';
import { shareFigures, sharesView } from '../views/shares.ts';

export function register(program: Command, context: CliContext): void {
  withSpaceOptions(
    program.command('shares').description('Compare what each machinetype has of the whole space with its target, and say which factories are not counted.'),
  )
    .option('--json', 'print JSON')
    .action(async (options: SpaceOptions & { json?: true }) => {
      await perSpace(context, options, async (about) => {
        const shares = await spaceShares(context, about);
        const { space, rows, counted, silent } = shares;
        if (counted === 0) context.exit(3);
        return {
          lines: () => sharesView(shares, context.width, context.colour),
          json: () => ({ space, machinetypes: shareFigures(rows), counted, silent }),
        };
      });
    });
}
