import type { Instant } from '../core/units.ts';
import type { ControlClient } from '../factory/control/client.ts';
import { printableJson } from './text.ts';

/** 0 ok, 1 the answer is no, 2 usage or configuration, 3 something is unreachable (design §9). */
export type ExitCode = 0 | 1 | 2 | 3;

/** Part of a stream that commands use; tests give an array. */
export interface Writer {
  write(chunk: string | Uint8Array): unknown;
}

/** A terminal that a live view takes over. Every `on…` returns what ends it; whoever has called them all leaves the terminal as it was. */
export interface LiveTerminal {
  readonly stream: { readonly columns?: number; readonly rows?: number; write(text: string): unknown };
  /** Keys as they are pressed, without echo: a character, or an escape sequence. */
  onKey(listener: (key: string) => void): () => void;
  onResize(listener: () => void): () => void;
  /** Called when the process ends, however it does. */
  onExit(listener: () => void): () => void;
}

/**
 * All that a command may use of its process. A command is `register(program: Command, context: CliContext): void`, adds one
 * subcommand, writes to `stdout`, and either calls `exit` or throws a `CliError`.
 */
export interface CliContext {
  readonly stdout: Writer;
  readonly stderr: Writer;
  /** Whether standard output is a terminal. */
  readonly isTerminal: boolean;
  /** Columns that a line may have; very large when standard output is not a terminal. */
  readonly width: number;
  /** Whether escape sequences may be written to standard output. */
  readonly colour: boolean;
  /** `--state-dir`, else `VACUA_STATE_DIR`, else what the configuration says, else the default. Read it inside an action, not while registering. */
  readonly stateDir: string;
  /** What of `stateDir` a person has set; undefined: the default, which a configuration may change. */
  readonly stateDirGiven: string | undefined;
  /** Every `--config FILE`, in order; empty: the usual places. Read it inside an action, not while registering. */
  readonly configFiles: readonly string[];
  /** The terminal as a live view needs it; absent when input or output is none. */
  readonly live?: LiveTerminal | undefined;
  /** Environment variables that commands look at. */
  readonly env: { readonly VACUA_QUEUE?: string | undefined; readonly VACUA_QUEUE_TOKEN?: string | undefined };
  /** Aborts at SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  now(): Instant;
  /** Sets the exit code; the last call counts. Default 0. */
  exit(code: ExitCode): void;
  /** The factory that runs on `stateDir`. Nothing is contacted before the first request. */
  daemon(): ControlClient;
}

/** Ends a command: `vacua: message` and the next step go to standard error, the code becomes the exit code. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: Exclude<ExitCode, 0>;
  /** What to do next, one sentence. */
  readonly next: string;
  constructor(exitCode: Exclude<ExitCode, 0>, message: string, next: string, cause?: unknown) {
    super(message, { cause });
    this.exitCode = exitCode;
    this.next = next;
  }
}

/** One line. */
export const print = (to: Writer, text = ''): void => void to.write(`${text}\n`);
/** One JSON document, indented, with a final newline; safe on a terminal whatever its texts hold. */
export const printJson = (to: Writer, value: unknown): void => print(to, printableJson(JSON.stringify(value, null, 2)));
