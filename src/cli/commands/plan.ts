import type { Command } from 'commander';
import { planDiff, planLines } from '../../core/config/plan.ts';
import { problemLine } from '../../core/config/problem.ts';
import type { Machinetype } from '../../core/machinetype.ts';
import type { Observed } from '../../core/observed.ts';
import type { Configuration, Settings } from '../../core/settings.ts';
import { instant } from '../../core/units.ts';
import type { FileConfigurationOptions } from '../../factory/config/source.ts';
import type { ConfigurationAnswer } from '../../factory/control/client.ts';
import { ControlError } from '../../factory/control/control-error.ts';
import { CliError, type CliContext, type ExitCode } from '../context.ts';
import { printable, printableJson } from '../text.ts';
import { readOnce } from './check.ts';

export interface PlanOptions {
  readonly json?: boolean;
  readonly offline?: boolean;
  /** Compare with these files instead of the running factory. */
  readonly against?: readonly string[];
}

/** What is in force, and what the factory knew in its last turn; undefined: no factory runs. */
export type CurrentConfiguration = () => Promise<{ readonly configuration: Configuration; readonly observed?: Observed } | undefined>;

/** `vacua plan`: what the files would change. 0: said; 2: they cannot be used; 3: nothing to compare with. */
export async function plan(
  files: FileConfigurationOptions,
  options: PlanOptions,
  currentConfiguration: CurrentConfiguration,
  signal: AbortSignal,
): Promise<{ readonly lines: readonly string[]; readonly code: ExitCode }> {
  const offline = options.offline ?? false;
  const after = await readOnce({ ...files, offline }, signal);
  const errors = after.problems.filter((p) => p.severity === 'error').map((p) => printable(problemLine(p)));
  if (!after.configuration) return { lines: [...errors, 'The configuration would be refused, and the one in force would stay.'], code: 2 };
  let before: Awaited<ReturnType<CurrentConfiguration>>;
  if (options.against) {
    const { configuration, problems } = await readOnce({ ...files, files: options.against, offline }, signal);
    if (!configuration) return { lines: [...problems.map((p) => printable(problemLine(p))), 'What it would be compared with cannot be used.'], code: 2 };
    before = { configuration: { ...configuration, spaces: configuration.spaces ?? new Map() } };
  } else before = await currentConfiguration();
  if (!before)
    throw new CliError(3, 'no factory runs here, so there is no configuration in force', 'Name the files to compare with: vacua plan FILE… --against FILE.');

  const found = planDiff(before.configuration, after.configuration, before.observed);
  const code = errors.length > 0 ? 2 : 0;
  if (options.json) return { lines: printableJson(JSON.stringify({ ...found, errors }, null, 2)).split('\n'), code };
  const lines = planLines(found).map(printable);
  return { lines: [...errors, ...(lines.length > 0 ? lines : ['Nothing would change.'])], code };
}

/** The configuration that a running factory tells over its control API, in which secrets read `***`. */
export function configurationFrom(answer: ConfigurationAnswer): Configuration | undefined {
  if (answer.settings === undefined) return undefined;
  const { shutdownTime } = answer.settings as { readonly shutdownTime?: string };
  const settings = {
    ...withMaps(answer.settings, ['machinefeaturesOptions', 'userDataOptions', 'userDataFiles']),
    ...(shutdownTime !== undefined && { shutdownTime: instant(Date.parse(shutdownTime)) }),
  } as unknown as Settings;
  const machinetypes = Object.entries(answer.machinetypes).map(
    ([name, m]) => [name, withMaps(m, ['userDataOptions', 'userDataFiles']) as unknown as Machinetype] as const,
  );
  return { settings, machinetypes: new Map(machinetypes), pipes: [], digest: answer.digest ?? '' };
}

const withMaps = (json: Readonly<Record<string, unknown>>, names: readonly string[]): Record<string, unknown> => ({
  ...json,
  ...Object.fromEntries(names.map((name) => [name, new Map(Object.entries((json[name] ?? {}) as Record<string, string>))])),
});

/** Asks the factory that runs on this state directory. */
export const fromDaemon =
  (context: Pick<CliContext, 'daemon'>): CurrentConfiguration =>
  async () => {
    const daemon = context.daemon();
    try {
      const site = configurationFrom(await daemon.configuration());
      const entries = await daemon.spaces();
      const spaces = await Promise.all(
        entries.flatMap(({ space, status }) =>
          status?.cloud
            ? [
                daemon
                  .of(space)
                  .configuration()
                  .then((answer) => [space, configurationFrom(answer)] as const),
              ]
            : [],
        ),
      );
      const usable = spaces.flatMap(([space, found]) => (found ? [[space, found] as const] : []));
      const configuration = site && { ...site, spaces: new Map(usable) };
      // The facts of a space at a cloud are not those of this host.
      const turn =
        entries[0]?.status?.cloud !== undefined || entries[0]?.status === undefined
          ? undefined
          : await daemon.turn().catch((error: unknown) => {
              if (error instanceof ControlError && error.code === 'no_turn') return undefined;
              throw error;
            });
      return configuration && { configuration, ...(turn && { observed: turn.observed }) };
    } catch (error) {
      if (error instanceof ControlError && error.code === 'not_running') return undefined;
      throw error;
    }
  };

export function register(program: Command, context: CliContext): void {
  program
    .command('plan')
    .description('Say what a changed configuration would do: what would start, what no longer, whose share moves.')
    .argument('[file...]', 'configuration files (default: the usual places)')
    .option('--against <file...>', 'compare with these files instead of the running factory')
    .option('--offline', 'do not fetch vacuum pipes; use the copies of the state directory')
    .option('--json', 'print the differences as JSON')
    .action(async (files: string[], options: PlanOptions) => {
      const { signal, stateDirGiven } = context;
      const source = { files: files.length > 0 ? files : context.configFiles, ...(stateDirGiven !== undefined && { stateDir: stateDirGiven }) };
      const { lines, code } = await plan(source, options, fromDaemon(context), signal);
      context.stdout.write(`${lines.join('\n')}\n`);
      context.exit(code);
    });
}
