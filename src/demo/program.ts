import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export type LogLine = Readonly<Record<string, unknown>> & { readonly msg: string };

/** A server as a process of its own, followed by its log lines. Detached: a Ctrl-C is for the demonstration, which then ends it in order. */
export class Program {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #last: string[] = [];

  /** `environment`: besides that of this process. */
  constructor(command: readonly string[], onLine: (line: LogLine) => void, environment: NodeJS.ProcessEnv = {}) {
    const [file = '', ...args] = command;
    this.#child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...environment }, detached: true });
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
