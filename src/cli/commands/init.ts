import { access, mkdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { readConfiguration } from '../../core/config/configuration.ts';
import { readIni } from '../../core/config/ini.ts';
import { problemLine } from '../../core/config/problem.ts';
import { hostEnvironment } from '../../factory/config/host-environment.ts';
import { CliError, type CliContext, print } from '../context.ts';

/** What `vacua init` asks for. */
export interface Answers {
  readonly factory: string;
  readonly space: string;
  /** Empty: one local machinetype as a pattern instead. */
  readonly tenants: readonly { readonly prefix: string; readonly url: string; readonly share: string }[];
}

/** Asks one question; an empty answer is the default. */
export type Ask = (question: string, otherwise: string) => Promise<string>;
export const takeDefaults: Ask = (_question, otherwise) => Promise.resolve(otherwise);

/** The few questions whose answers cannot be guessed. */
export async function interview(ask: Ask, hostName: string): Promise<Answers> {
  const fullName = hostName.includes('.') ? hostName.toLowerCase() : `${hostName.toLowerCase() || 'localhost'}.localdomain`;
  const factory = await ask('Fully qualified name of this factory', fullName);
  const space = await ask('Name of the space which its factories share', `vac01.${factory.slice(factory.indexOf('.') + 1)}`);
  const tenants: { prefix: string; url: string; share: string }[] = [];
  for (;;) {
    const url = await ask(
      tenants.length === 0 ? 'URL of the vacuum pipe of a tenant (empty: a local machinetype)' : 'URL of the next pipe (empty: no more)',
      '',
    );
    if (url === '') break;
    const prefix = await ask('  Short name of the tenant', `tenant${tenants.length + 1}`);
    const share = await ask('  Share of this tenant', '1');
    tenants.push({ url, prefix, share });
  }
  return { factory, space, tenants };
}

/** A commented configuration file. */
export function configurationText({ factory, space, tenants }: Answers): string {
  const head = `# Configuration of a Vacua factory. \`vacua check\` tells what is wrong with it, \`vacua plan\` what a change would do.
# It is read again when it changes; machines that run are never touched by that. All options: docs/configuration.md.

[settings]
# Factories that share one set of targets form a space. It must not have the name of a factory.
vac_space = ${space}

# Name of this factory. Needed when the host name contains no dot.
factory_name = ${factory}

# Processors that machines may use; default: all of the host.
# total_processors = 4

# Memory per processor of a machine, MiB.
mb_per_processor = 2048

# yes: start nothing new; what runs goes on to its end.
draining = no

# The site's squid, reached by machines at 169.254.169.253:3128.
# host_services = 3128=squid.example.com:3128
`;
  const parts = tenants.map(
    ({ prefix, url, share }) => `
# Machinetypes published by this tenant are named ${prefix}-SUFFIX. Its share is divided among them as the pipe says.
[vacuum_pipe ${prefix}]
vacuum_pipe_url = ${url}
target_share = ${share}
`,
  );
  const pattern = `
# One kind of machine, defined here. Tenants usually publish theirs instead, to be named in a section [vacuum_pipe NAME].
[machinetype example]
target_share = 1
machine_model = vm-raw
# A URL, an absolute path, or the name of a file in STATE_DIR/machinetypes/example/files.
root_image = root.qcow2
user_data = user_data
max_processors = 1
max_wallclock_seconds = 86400
# Pause after a machine had nothing to do or failed.
backoff_seconds = 600
# An end without a message sooner than this counts as a failure.
fizzle_seconds = 600
`;
  return head + (parts.length > 0 ? parts.join('') : pattern);
}

/** Problems that `vacua check` would find in the text, as lines; none: it is accepted. */
export function refusals(file: string, text: string): readonly string[] {
  const inputs = { files: [readIni(file, text)], documents: new Map<string, string>(), environment: hostEnvironment(), digest: '' };
  return readConfiguration(inputs).problems.map(problemLine);
}

/** Writes the file, readable by its owner and group alone, because secrets may come to stand in it. An existing one stays without `force`. */
export async function writeConfiguration(file: string, text: string, force: boolean): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text, { flag: force ? 'w' : 'wx', mode: 0o640 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && !force) throw new CliError(1, `${file} exists already`, 'Name another file, or replace it with --force.', error);
    throw new CliError(3, `${file} cannot be written (${code})`, 'Name a file in a directory that you may write to: vacua init FILE.', error);
  }
}

export function register(program: Command, context: CliContext): void {
  program
    .command('init')
    .description('Write a commented configuration file after a few questions.')
    .argument('[file]', 'file to write', '/etc/vac.conf')
    .option('-y, --yes', 'ask nothing and take the defaults')
    .option('-f, --force', 'replace an existing file')
    .action(async (file: string, options: { readonly yes?: true; readonly force?: true }) => {
      const exists = await access(file).then(
        () => true,
        () => false,
      );
      if (exists && !options.force) throw new CliError(1, `${file} exists already`, 'Name another file, or replace it with --force.');
      const answers = options.yes ? await interview(takeDefaults, hostname()) : await interviewOnTerminal(context);
      const text = configurationText(answers);
      const wrong = refusals(file, text);
      if (wrong.length > 0) throw new CliError(2, `nothing is written, because it would not be accepted:\n${wrong.join('\n')}`, 'Answer again: vacua init.');
      await writeConfiguration(file, text, options.force === true);
      print(context.stdout, `${file} is written. Read it, then: vacua check ${file}`);
    });
}

async function interviewOnTerminal(context: CliContext): Promise<Answers> {
  if (!process.stdin.isTTY) throw new CliError(2, 'there is no terminal to ask on', 'Take the defaults with --yes and edit the file.');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const ask: Ask = async (question, otherwise) => {
      const given = await terminal.question(`${question}${otherwise === '' ? '' : ` [${otherwise}]`}: `, { signal: context.signal });
      return given.trim() || otherwise;
    };
    return await interview(ask, hostname());
  } finally {
    terminal.close();
  }
}
