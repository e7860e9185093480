import type { Command } from 'commander';
import { encode, time } from '../../factory/control/codec.ts';
import { FactoryAnswer } from '../../factory/control/space-answers.ts';
import { seenIn } from '../../factory/census.ts';
import { layout } from '../../factory/layout.ts';
import { type CliContext, print, printJson } from '../context.ts';
import { withSpaceOptions } from '../space-options.ts';
import { askSpace, type SpaceOptions } from '../space-source.ts';
import { factoriesView, silentFactories } from '../views/factories.ts';

export function register(program: Command, context: CliContext): void {
  withSpaceOptions(
    program
      .command('factories')
      .description('Ask all factories of the space, or those named: processors, machines, load, disks, memory, version; and who is silent.')
      .argument('[factory...]', 'names; without a dot they get the domain of this host'),
  )
    .option('--json', 'print JSON')
    .action(async (named: string[], options: SpaceOptions & { json?: true }) => {
      const space = await askSpace(context, 'factories', named, options);
      const mute = space.answers.filter((a) => a.answered === 'silent').map((a) => a.factory);
      const silent = silentFactories(space, await seenIn(layout(context.stateDir).census, mute));
      if (space.answers.length === mute.length) context.exit(3);
      if (options.json) {
        const text = (at: (typeof silent)[number]['since']) => (at === undefined ? undefined : encode(time, at));
        return printJson(context.stdout, {
          space: space.space,
          answers: space.answers.map((a) => ({ ...encode(FactoryAnswer, a), ...space.notes.get(a.factory) })),
          silent: silent.map((f) => ({ ...f, since: text(f.since), nextTry: text(f.nextTry), seenAt: text(f.seenAt) })),
          ignored: space.ignored,
        });
      }
      for (const line of factoriesView(space, silent, context.now(), context.width, context.colour)) print(context.stdout, line);
    });
}
