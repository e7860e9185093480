import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

export type LogLine = Readonly<Record<string, unknown>> & { readonly msg: string };

/** A server as a process of its own, followed by its log lines. Detached: a Ctrl-C is for the demonstration, which then ends it in order. */
export class Program {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #last: string[] = [];

  constructor(command: readonly string[], onLine: (line: LogLine) => void) {
    const [file = '', ...args] = command;
    this.#child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    this.#ended = once(this.#child, 'exit');
    const { stdout, stderr } = this.#child;
    if (stdout === null || stderr === null) throw new TypeError('no pipes');
    createInterface({ input: stdout }).on('line', (line) => onLine(JSON.parse(line) as LogLine));
    createInterface({ input: stderr }).on('line', (line) => {
      this.#last.push(line);
      if (this.#last.length > 5) this.#last.shift();
    });
  }

  get over(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }
  /** Last lines of its standard error. */
  get complaint(): string {
    return this.#last.join('; ');
  }

  /** Resolves with the exit code, or the signal's name. */
  async end(signal: NodeJS.Signals): Promise<number | string> {
    if (!this.over) {
      this.#child.kill(signal);
      await this.#ended;
    }
    return this.#child.exitCode ?? this.#child.signalCode ?? '';
  }
}

export interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end, as a person would. Resolves whatever its exit code is. */
export async function run(file: string, args: readonly string[]): Promise<Said> {
  try {
    return { code: 0, ...(await promisify(execFile)(file, args, { maxBuffer: 64 * 1024 ** 2 })) };
  } catch (error) {
    const { code, stdout, stderr } = error as { code?: unknown; stdout?: string; stderr?: string };
    if (typeof code !== 'number') throw error;
    return { code, stdout: stdout ?? '', stderr: stderr ?? '' };
  }
}

/** A port that is free now, and stays the queue's through its deaths. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (address === null || typeof address === 'string') throw new TypeError('no port');
  return address.port;
}
