import { Command, CommanderError } from 'commander';
import { ControlError } from '../factory/control/control-error.ts';
import { defaultStateDir, layout } from '../factory/layout.ts';
import { version } from '../factory/version.ts';
import { commands } from './commands.ts';
import { CliError, type CliContext, type ExitCode, print, type Writer } from './context.ts';
import { printable } from './text.ts';

/** What a process gives to a command line; tests give something else. */
export interface Surroundings extends Omit<CliContext, 'stateDir' | 'stateDirGiven' | 'configFiles' | 'exit' | 'daemon'> {
  readonly uid: number;
  readonly home: string;
  readonly env: CliContext['env'] & { readonly VACUA_STATE_DIR?: string | undefined; readonly XDG_STATE_HOME?: string | undefined };
  /** Standard error and its width, for help. */
  readonly stderr: Writer;
}

interface Shared {
  readonly stateDir?: string;
  readonly config?: readonly string[];
}

/** Runs one command line (without `node` and the script). Prints its own errors; rejects for bugs alone. */
export async function runCli(argv: readonly string[], around: Surroundings): Promise<ExitCode> {
  let exitCode: ExitCode = 0;
  let shared: Shared = {};
  let configured: string | undefined;
  let needsState = false;
  let client: typeof import('../factory/control/client.ts') | undefined;
  const context: CliContext = {
    stdout: around.stdout,
    stderr: around.stderr,
    isTerminal: around.isTerminal,
    width: around.width,
    colour: around.colour,
    live: around.live,
    env: around.env,
    get signal() {
      return around.signal;
    },
    now: () => around.now(),
    get stateDirGiven() {
      return shared.stateDir ?? (around.env.VACUA_STATE_DIR || undefined);
    },
    get stateDir() {
      return context.stateDirGiven ?? configured ?? defaultStateDir(around.uid, around.home, around.env.XDG_STATE_HOME);
    },
    get configFiles() {
      return shared.config ?? [];
    },
    exit(code) {
      exitCode = code;
    },
    daemon() {
      if (client === undefined) throw new TypeError('the control client is loaded for commands that work on a state directory alone');
      return new client.ControlClient(layout(context.stateDir).control);
    },
  };
  const program = programFor(around);
  const used = commandIn(argv);
  try {
    for (const { name, summary, load, onState } of commands) {
      if (name === used) {
        needsState = onState === true;
        if (needsState) client = await import('../factory/control/client.ts');
        (await load()).register(program, context);
      } else program.command(name).description(summary);
    }
    program.hook('preAction', async (_program, command) => {
      shared = command.optsWithGlobals<Shared>();
      if (!needsState || context.stateDirGiven !== undefined) return;
      const { configuredStateDir } = await import('./configured-state-dir.ts');
      configured = await configuredStateDir(context.configFiles, new AbortController().signal);
    });
    await program.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    return explained(error, around.stderr, context);
  }
}

const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

function programFor(around: Surroundings): Command {
  return new Command('vacua')
    .description('Compute that appears out of the vacuum: this host fills itself with short-lived machines for its tenants.')
    .version(version, '-V, --version', 'print the version')
    .option('--state-dir <dir>', 'directory of the factory (default: $VACUA_STATE_DIR, else /var/lib/vacua or ~/.local/state/vacua)')
    .option('--config <file>', 'configuration file; may be given several times', collect)
    .helpOption('-h, --help', 'print this help')
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('Add --help to see what would be valid.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void around.stdout.write(text),
      writeErr: (text) => void around.stderr.write(text),
      outputError: (text, write) => write(printableError(text)),
      getOutHelpWidth: () => helpWidth(around),
      getErrHelpWidth: () => helpWidth(around),
      getOutHasColors: () => around.colour,
      getErrHasColors: () => around.colour,
    });
}

const helpWidth = (around: Surroundings): number => (around.isTerminal ? around.width : 100);
const printableError = (text: string): string =>
  text
    .replace(/^error: /, 'vacua: ')
    .split('\n')
    .map((line) => printable(line))
    .join('\n');

/** The command that a line is for, also in `vacua help COMMAND`; option values are not taken for commands. */
function commandIn(argv: readonly string[]): string | undefined {
  const words: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? '';
    if (word === '--state-dir' || word === '--config') i++;
    else if (!word.startsWith('-')) words.push(word);
  }
  return words[0] === 'help' ? words[1] : words[0];
}

function explained(error: unknown, stderr: Writer, context: CliContext): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof CliError) return say(stderr, error.message, error.next, error.exitCode);
  if (error instanceof ControlError) return say(stderr, error.message, nextStep(error, context), error.status === undefined || error.status >= 500 ? 3 : 1);
  throw error;
}

function say(stderr: Writer, message: string, next: string, code: ExitCode): ExitCode {
  print(stderr, `vacua: ${printable(message)}`);
  for (const line of next === '' ? [] : next.split('\n')) print(stderr, printable(line));
  return code;
}

function nextStep(error: ControlError, context: CliContext): string {
  switch (error.code) {
    case 'not_running':
      return `Start one with \`vacua factory --state-dir ${context.stateDir}\`, or name the directory of the one that runs with --state-dir.`;
    case 'not_allowed':
      return 'Run the command as the user who runs the factory, for instance with sudo.';
    case 'bad_answer':
      return 'Restart the factory with this version; its machines run on meanwhile.';
    case 'no_turn':
      return 'Wait for the end of the first turn.';
    case 'no_answer':
      return `See what it is doing with \`vacua logs --state-dir ${context.stateDir}\`.`;
    default:
      return 'See `vacua machines --all` and `vacua logs`.';
  }
}
