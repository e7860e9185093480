import type { Command } from 'commander';
import { Machines } from '../../factory/control/answers.ts';
import { encode } from '../../factory/control/codec.ts';
import { type CliContext, print, printJson } from '../context.ts';
import { spaceJson } from '../space-json.ts';
import { withSpaceOptions } from '../space-options.ts';
import { askSpace, type SpaceOptions } from '../space-source.ts';
import { silentOf } from '../space-silence.ts';
import { daemonOf, meantSpaces } from '../spaces.ts';
import { printable } from '../text.ts';
import { cloudMachinesView, shownCloudMachines } from '../views/cloud-machines.ts';
import { machinesView, shownMachines } from '../views/machines.ts';
import { shownSlots, spaceMachinesView } from '../views/space-machines.ts';

interface Options extends SpaceOptions {
  readonly all?: true;
  readonly json?: true;
  readonly spaceWide?: true;
}

export function register(program: Command, context: CliContext): void {
  withSpaceOptions(
    program
      .command('machines')
      .description('List the machines of this factory: live ones, and the last end in each empty slot; or those of other factories.')
      .argument('[factory...]', 'ask these factories')
      .option('-a, --all', 'every machine that is not forgotten, finished ones included; of other factories, empty slots too')
      .option('-w, --space-wide', 'ask all factories of the space'),
  )
    .option('--json', 'print the answer of the control API')
    .action(async (named: string[], options: Options) => {
      const { stdout, width, colour } = context;
      if (named.length > 0 || options.spaceWide === true || (await isElsewhere(context, options))) return ofSpace(context, named, options);
      const spaces = await meantSpaces(context, options.space);
      const machines = await (options.space === undefined ? context.daemon() : context.daemon().of(options.space)).machines();
      const found = spaces.map(({ space, status, why }) => {
        const own = machines.filter((m) => (m.space ?? space) === space);
        return { space, status, why, shown: status?.cloud ? shownCloudMachines(own, options.all === true) : shownMachines(own, options.all === true) };
      });
      if (options.json) return printJson(stdout, encode(Machines, { machines: found.flatMap(({ shown }) => shown) }));
      for (const { space, status, why = '', shown } of found) {
        if (status === undefined) print(stdout, printable(`${space}: ${why}`));
        else for (const line of (status.cloud ? cloudMachinesView : machinesView)(status, shown, context.now(), width, colour)) print(stdout, line);
      }
    });
}

/** Whether `--space` names one that the daemon here does not have beside others. */
const isElsewhere = async (context: CliContext, options: Options): Promise<boolean> =>
  (options.space !== undefined || options.port !== undefined) && (await daemonOf(context, options)) === undefined;

async function ofSpace(context: CliContext, named: readonly string[], options: Options): Promise<void> {
  const space = await askSpace(context, 'machines', named, options);
  const silent = await silentOf(context, space);
  if (options.json) return printJson(context.stdout, spaceJson(space, silent));
  const slots = shownSlots(space.answers, options.all === true);
  for (const line of spaceMachinesView(space, slots, silent, context.now(), context.width, context.colour)) print(context.stdout, line);
}
