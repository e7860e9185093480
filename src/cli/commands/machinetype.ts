import type { Command } from 'commander';
import { isName } from '../../core/vacquery/text.ts';
import { CliError, type CliContext, print, printJson } from '../context.ts';
import { spaceJson } from '../space-json.ts';
import { withSpaceOptions } from '../space-options.ts';
import { silentOf } from '../space-silence.ts';
import { askSpace, type SpaceAnswer, type SpaceOptions } from '../space-source.ts';
import { machinetypeView } from '../views/space-machines.ts';

export function register(program: Command, context: CliContext): void {
  withSpaceOptions(
    program
      .command('machinetype')
      .description('Ask all factories of the space, or those named, what they run of one machinetype and how the last machine of it ended.')
      .argument('<machinetype>')
      .argument('[factory...]', 'names; without a dot they get the domain of this host'),
  )
    .option('--json', 'print JSON')
    .action(async (type: string, named: string[], options: SpaceOptions & { json?: true }) => {
      if (!isName(type))
        throw new CliError(2, `"${type}" is not the name of a machinetype`, 'Valid: letters, digits and hyphens; `vacua machinetypes` lists them.');
      const space = await askSpace(context, 'machinetypes', named, options);
      const silent = await silentOf(context, space);
      const found = only(type, space);
      if (found.answers.every((a) => a.machinetypes.length === 0)) context.exit(found.answers.some((a) => a.answered !== 'silent') ? 1 : 3);
      if (options.json) return printJson(context.stdout, spaceJson(found, silent));
      for (const line of machinetypeView(type, found, silent, context.now(), context.width, context.colour)) print(context.stdout, line);
    });
}

const only = (type: string, space: SpaceAnswer): SpaceAnswer => ({
  ...space,
  answers: space.answers.map((a) => ({ ...a, machinetypes: a.machinetypes.filter((t) => t.machinetype === type) })),
});
