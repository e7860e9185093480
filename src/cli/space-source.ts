import type { Configuration, Settings } from '../core/settings.ts';
import type { FactoryAnswer } from '../core/space/census.ts';
import type { SpaceReport } from '../core/space/report.ts';
import type { AskedKind } from '../core/vacquery/query.ts';
import { isName } from '../core/vacquery/text.ts';
import { ControlError } from '../factory/control/control-error.ts';
import { CliError, type CliContext } from './context.ts';

/** Options of every command that asks the whole space. */
export interface SpaceOptions {
  readonly space?: string;
  readonly port?: number;
  /** Seconds; absent: enough for several tries of a slow factory (spec/vacquery.md §7), and no long wait for those that are down. */
  readonly timeout?: number;
}

/** What is known about why a factory has not answered, and where it is. */
export interface FactoryNote {
  readonly address?: string;
  readonly why?: string;
}

export interface SpaceAnswer {
  readonly space: string;
  readonly answers: readonly FactoryAnswer[];
  readonly notes: ReadonlyMap<string, FactoryNote>;
  /** Of the factory that runs here; absent: none does, and the factories were asked directly. */
  readonly report?: SpaceReport;
  /** Messages that were not believed, by why. */
  readonly ignored: Readonly<Record<string, number>>;
}

/** More names than this are not sent to the daemon, which is asked for everybody instead. */
const mostNamed = 200;

/** Answers of one factory can be many datagrams, which are asked for no faster than a receive buffer takes them. */
const usualTimeout = (kind: AskedKind, factories: number): number => Math.min(60, 2 + (kind === 'machines' ? factories / 250 : 0));

/** The report of the factory that runs here; undefined: none runs. */
export async function localReport(context: Pick<CliContext, 'daemon'>): Promise<SpaceReport | undefined> {
  try {
    return await context.daemon().space();
  } catch (error) {
    if (error instanceof ControlError && error.code === 'not_running') return undefined;
    throw error;
  }
}

/**
 * Asks all factories of the space, or those named: through the factory that runs here, which has address, port and key; else from this
 * process with what the configuration says. `--space` and `--port` always do the latter. Throws `CliError` when it is not known whom to ask.
 */
export async function askSpace(context: CliContext, kind: AskedKind, named: readonly string[], options: SpaceOptions): Promise<SpaceAnswer> {
  const wrong = named.find((name) => name !== '.' && !isName(name));
  if (wrong !== undefined) throw new CliError(2, `"${wrong}" is not the name of a factory`, 'Valid: a host name, or a dot for this host.');
  if (options.space === undefined && options.port === undefined) {
    const report = await localReport(context);
    if (report !== undefined) return throughFactory(context, report, kind, named, options);
  }
  return directly(context, kind, named, options);
}

async function throughFactory(
  context: CliContext,
  report: SpaceReport,
  kind: AskedKind,
  named: readonly string[],
  { timeout }: SpaceOptions,
): Promise<SpaceAnswer> {
  const wanted = canonical(named, report.factory);
  const some = wanted.length > 0 && wanted.length <= mostNamed;
  const within = timeout ?? usualTimeout(kind, some ? wanted.length : report.factories.length);
  const answers = await context.daemon().ask(kind, { within, ...(some && { factories: wanted }) });
  const notes = report.factories.map(
    ({ factory, address, why }) => [factory, { ...(address !== undefined && { address }), ...(why !== undefined && { why }) }] as const,
  );
  const { space, ignored } = report;
  return { space, answers: wanted.length > mostNamed ? answers.filter((a) => wanted.includes(a.factory)) : answers, notes: new Map(notes), report, ignored };
}

async function directly(context: CliContext, kind: AskedKind, named: readonly string[], options: SpaceOptions): Promise<SpaceAnswer> {
  const [{ askDirectly }, { loadKeys }, { hostname }] = await Promise.all([
    import('../factory/ask-directly.ts'),
    import('../factory/space/key-files.ts'),
    import('node:os'),
  ]);
  const settings = (await configuration(context))?.settings;
  const sameSpace = options.space === undefined || options.space === settings?.space;
  const space = options.space ?? settings?.space;
  if (space === undefined)
    throw new CliError(3, 'no factory runs here, and no configuration names a space', 'Name the space with --space, and factories to ask.');
  const wanted = canonical(named, settings?.factoryName ?? hostname().toLowerCase());
  const factories = wanted.length > 0 ? wanted : sameSpace ? (settings?.factories ?? []) : [];
  if (factories.length === 0) {
    const next =
      settings?.discovery === undefined || !sameSpace
        ? 'Name them: vacua factories --space NAME FACTORY…'
        : 'They are found by multicast: name some, or start a factory here.';
    throw new CliError(2, `it is not known which factories ${space} has`, next);
  }
  const { answers, addresses, unresolved, rejected } = await askDirectly(
    {
      kind,
      space,
      factories,
      port: options.port ?? settings?.vacqueryPort ?? 995,
      within: options.timeout ?? usualTimeout(kind, factories.length),
      keys: sameSpace ? keysOf(settings, loadKeys) : [],
      acceptUnsignedFrom: settings?.acceptUnsignedFrom ?? [],
    },
    context.signal,
  );
  const notes = factories.map((name) => {
    const [address, why] = [addresses.get(name), unresolved.get(name)];
    return [name, { ...(address !== undefined && { address }), ...(why !== undefined && { why }) }] as const;
  });
  // Answers to both of two tries are common, and the second one is to nothing that is still asked.
  const ignored = Object.fromEntries(Object.entries(rejected).filter(([why, count]) => count > 0 && why !== 'unasked'));
  return { space, answers, notes: new Map(notes), ignored };
}

/** The files' configuration; undefined when there is none that can be used and none was named. */
export async function configuration(context: Pick<CliContext, 'configFiles' | 'stateDirGiven' | 'signal'>): Promise<Configuration | undefined> {
  const { FileConfigurationSource } = await import('../factory/config/source.ts');
  const { configFiles: files, stateDirGiven: stateDir } = context;
  const source = new FileConfigurationSource({ files, ...(stateDir !== undefined && { stateDir }), offline: true, readOnly: true });
  try {
    await source.refresh(context.signal);
    const found = source.current().configuration;
    if (found === undefined && files.length > 0) throw new CliError(2, 'the configuration cannot be used', `See \`vacua check ${files.join(' ')}\`.`);
    return found;
  } finally {
    await source.close();
  }
}

function keysOf(settings: Settings | undefined, loadKeys: typeof import('../factory/space/key-files.ts').loadKeys) {
  try {
    return loadKeys(settings?.spaceKeyFiles ?? []);
  } catch (error) {
    throw new CliError(
      3,
      `the key of the space: ${(error as Error).message}`,
      'Run the command as the user who runs the factory, or where a factory runs.',
      error,
    );
  }
}

/** Names as a person types them: lower-cased, a dot is this factory, a name without a dot is in its domain (spec/vacquery.md §8). */
export function canonical(names: readonly string[], local: string): readonly string[] {
  const domain = local.slice(local.indexOf('.') + 1);
  return [...new Set(names.map((name) => (name === '.' ? local : name.includes('.') ? name.toLowerCase() : `${name.toLowerCase()}.${domain}`)))];
}
