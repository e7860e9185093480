import type { Command } from 'commander';
import { problemLine } from '../../core/config/problem.ts';
import { maskedConfiguration, maskedSections, percent, shareFractions } from '../../core/config/show.ts';
import type { Instant } from '../../core/units.ts';
import { type FileConfigurationOptions, FileConfigurationSource } from '../../factory/config/source.ts';
import type { PipeState, Problem } from '../../factory/parts.ts';
import type { OnlineCheck } from '../../factory/online-check.ts';
import type { CliContext, ExitCode } from '../context.ts';
import { table } from '../table.ts';
import { printable, printableJson } from '../text.ts';
import { spaceLines } from '../views/checked-spaces.ts';
import { findingLine, lookOnline, onlineCode, providerCheck, type SpaceFinding } from './check-online.ts';

export interface CheckOptions {
  readonly json?: boolean;
  readonly effective?: boolean;
  readonly offline?: boolean;
  readonly online?: boolean;
}

/** Longest wait for pipes; a person sits and waits. */
const patienceSeconds = 10;

/** Reads a configuration once, as the daemon would. `patience`: seconds that pipes may take. */
export async function readOnce(options: FileConfigurationOptions, signal: AbortSignal, patience = patienceSeconds) {
  const source = new FileConfigurationSource({ readOnly: true, ...options });
  try {
    await source.refresh(signal);
    await Promise.race([source.settled(), elapse(patience, signal)]);
    return source.current();
  } finally {
    await source.close();
  }
}

const elapse = (seconds: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, seconds * 1000).unref();
    signal.addEventListener('abort', done, { once: true });
  });

export interface CheckView {
  readonly width: number;
  readonly colour: boolean;
  readonly now: Instant;
  readonly signal: AbortSignal;
  /** Told lines as soon as they are known, instead of at the end; with `--online`, which may take a while. */
  readonly tell?: (lines: readonly string[]) => void;
}

/**
 * `vacua check`: every problem, then what is in effect, then with `online` what the clouds say. 0: usable without errors; 2: errors;
 * 1: a cloud says that something is wrong; 3: a cloud could not be asked.
 */
export async function check(
  source: FileConfigurationOptions,
  options: CheckOptions,
  view: CheckView,
  online?: OnlineCheck,
): Promise<{ readonly lines: readonly string[]; readonly code: ExitCode }> {
  const { configuration, problems, pipes } = await readOnce({ ...source, offline: options.offline ?? false }, view.signal);
  const errors = problems.filter((p) => p.severity === 'error').length;
  const found: SpaceFinding[] = [];
  const look = async (told: (finding: SpaceFinding) => void): Promise<ExitCode> => {
    for await (const finding of online && configuration ? lookOnline(configuration, online, view.signal) : []) {
      found.push(finding);
      told(finding);
    }
    return errors > 0 ? 2 : onlineCode(found);
  };
  if (options.json) {
    const code = await look(() => undefined);
    const answer = {
      ok: code === 0,
      problems,
      pipes: pipes.map((pipe) => ({ ...pipe, ...(pipe.fetchedAt !== undefined && { fetchedAt: new Date(pipe.fetchedAt).toISOString() }) })),
      ...(configuration && {
        shares: Object.fromEntries(shareFractions(configuration.machinetypes)),
        ...(configuration.spaces && {
          spaces: Object.fromEntries(
            [...configuration.spaces].map(([name, { machinetypes }]) => [name, { shares: Object.fromEntries(shareFractions(machinetypes)) }]),
          ),
        }),
        configuration: Object.fromEntries([...maskedSections(configuration)].map(([title, texts]) => [title, Object.fromEntries(texts)])),
      }),
      ...(online && { online: found }),
    };
    return { lines: printableJson(JSON.stringify(answer, null, 2)).split('\n'), code };
  }
  const lines = problems.map((p) => printable(problemLine(p)));
  lines.push(...pipes.flatMap((pipe) => pipeLines(pipe, view.now)));
  if (configuration) {
    if (lines.length > 0) lines.push('');
    const shares = shareFractions(configuration.machinetypes);
    const rows = [...configuration.machinetypes.values()].map((m) => [
      m.name,
      percent(shares.get(m.name) ?? 0),
      m.model,
      m.minProcessors === m.maxProcessors ? String(m.minProcessors) : `${m.minProcessors}-${m.maxProcessors}`,
      `${Number((m.maxWallclock / 3600).toFixed(1))} h`,
      m.origin,
    ]);
    if (configuration.host === false) lines.push('Spaces at clouds alone: this host makes no machines of its own.');
    else if (rows.length === 0) lines.push('No machinetype is usable: nothing would be started.');
    else lines.push(...table(rows, columns, view.width, view.colour));
    lines.push(...spaceLines(configuration.spaces ?? new Map(), view.width, view.colour));
    if (options.effective) lines.push('', ...maskedConfiguration(configuration).trimEnd().split('\n').map(printable));
  }
  lines.push('', verdict(problems, configuration !== undefined));
  if (lines[0] === '') lines.shift();
  if (!online) return { lines, code: await look(() => undefined) };
  if (configuration?.spaces === undefined) lines.push('There is no usable space at a cloud, so nothing was asked online.');
  lines.push('');
  view.tell?.(lines.splice(0));
  const code = await look((finding) => (view.tell ? view.tell([findingLine(finding)]) : lines.push(findingLine(finding))));
  return { lines, code };
}

const columns = [
  { title: 'MACHINETYPE', shrinkTo: 12 },
  { title: 'SHARE', align: 'right' },
  { title: 'MODEL' },
  { title: 'PROCESSORS', align: 'right' },
  { title: 'LIFETIME', align: 'right' },
  { title: 'FROM', shrinkTo: 10 },
] as const;

function pipeLines({ space, prefix, url, fetchedAt, failure }: PipeState, now: Instant): string[] {
  const section = `[vacuum_pipe ${space === undefined ? '' : `${space} `}${prefix}]`;
  const copy = fetchedAt === undefined ? 'there is no copy yet' : `the copy in use is ${Math.max(0, Math.round((now - fetchedAt) / 60_000))} min old`;
  if (failure !== undefined) return [printable(`${url}: ${section}: ${failure}; ${copy}`)];
  return fetchedAt === undefined ? [printable(`${url}: ${section}: not fetched, and ${copy}`)] : [];
}

function verdict(problems: readonly Problem[], usable: boolean): string {
  const errors = problems.filter((p) => p.severity === 'error').length;
  const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;
  const found = `${count(errors, 'error')}, ${count(problems.length - errors, 'warning')}`;
  if (!usable) return `The configuration is refused: ${found}.`;
  return errors === 0 ? `The configuration is usable: ${found}.` : `What the errors name is disabled, the rest is usable: ${found}.`;
}

export function register(program: Command, context: CliContext): void {
  program
    .command('check')
    .description('Print every problem of the configuration, and what it means. Exit code 2 when there are errors.')
    .argument('[file...]', 'configuration files (default: the usual places)')
    .option('--effective', 'also print the configuration in effect, with every default, secrets masked')
    .option('--offline', 'do not fetch vacuum pipes; use the copies of the state directory')
    .option('--online', 'also ask the clouds of all spaces: credentials, images, flavors, networks, quota (exit code 1: something is wrong, 3: not reached)')
    .option('--json', 'print problems, pipes, shares and the effective configuration as JSON')
    .action(async (files: string[], options: CheckOptions) => {
      const { width, colour, signal, stateDirGiven } = context;
      const source = { files: files.length > 0 ? files : context.configFiles, ...(stateDirGiven !== undefined && { stateDir: stateDirGiven }) };
      const write = (lines: readonly string[]): void => void (lines.length > 0 && context.stdout.write(`${lines.join('\n')}\n`));
      const online = options.online === true ? await providerCheck() : undefined;
      const { lines, code } = await check(source, options, { width, colour, now: context.now(), signal, tell: write }, online);
      write(lines);
      context.exit(code);
    });
}
