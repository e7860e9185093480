import type { Configuration, Settings } from '../core/settings.ts';
import type { FactoryAnswer } from '../core/space/census.ts';
import type { SpaceReport } from '../core/space/report.ts';
import type { AskedKind } from '../core/vacquery/query.ts';
import { isName } from '../core/vacquery/text.ts';
import type { ControlClient } from '../factory/control/client.ts';
import { CliError, type CliContext } from './context.ts';
import { daemonOf } from './spaces.ts';

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

/**
 * Asks all factories of the space, or those named: through the factory that runs here, which has address, port and key; else from this
 * process with what the configuration says. `--port` always does the latter, and `--space` unless it names one of several spaces of the daemon here. Throws `CliError` when it is not known whom to ask.
 */
export async function askSpace(context: CliContext, kind: AskedKind, named: readonly string[], options: SpaceOptions): Promise<SpaceAnswer> {
  const wrong = named.find((name) => name !== '.' && !isName(name));
  if (wrong !== undefined) throw new CliError(2, `"${wrong}" is not the name of a factory`, 'Valid: a host name, or a dot for this host.');
  const daemon = await daemonOf(context, options);
  if (daemon !== undefined) return throughFactory(daemon, await daemon.space(), kind, named, options);
  return directly(context, kind, named, options);
}

async function throughFactory(
  daemon: ControlClient,
  report: SpaceReport,
  kind: AskedKind,
  named: readonly string[],
  { timeout }: SpaceOptions,
): Promise<SpaceAnswer> {
  const wanted = canonical(named, report.factory);
  const some = wanted.length > 0 && wanted.length <= mostNamed;
  const within = timeout ?? usualTimeout(kind, some ? wanted.length : report.factories.length);
  const answers = await daemon.ask(kind, { within, ...(some && { factories: wanted }) });
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
