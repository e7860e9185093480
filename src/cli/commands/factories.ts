import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { spaceJson } from '../space-json.ts';
import { withSpaceOptions } from '../space-options.ts';
import { silentOf } from '../space-silence.ts';
import { askSpace, type SpaceOptions } from '../space-source.ts';
import { perSpace } from '../spaces.ts';
import { factoriesView } from '../views/factories.ts';

export function register(program: Command, context: CliContext): void {
  withSpaceOptions(
    program
      .command('factories')
      .description('Ask all factories of the space, or those named: processors, machines, load, disks, memory, version; and who is silent.')
      .argument('[factory...]', 'names; without a dot they get the domain of this host'),
  )
    .option('--json', 'print JSON')
    .action(async (named: string[], options: SpaceOptions & { json?: true }) => {
      await perSpace(context, options, async (about) => {
        const space = await askSpace(context, 'factories', named, about);
        const silent = await silentOf(context, space);
        return { lines: () => factoriesView(space, silent, context.now(), context.width, context.colour), json: () => spaceJson(space, silent) };
      });
    });
}
