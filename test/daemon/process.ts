import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

type Line = Readonly<Record<string, unknown>> & { readonly msg: string };

/** `vacua factory` as a process of its own, followed by its log lines. */
export class DaemonProcess implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly lines: Line[] = [];
  errors = '';
  readonly #waiting = new Set<() => void>();
  readonly #closed: Promise<void>;
  #over = false;

  constructor(...args: readonly string[]) {
    this.child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.errors += chunk.toString();
    });
    const { stdout } = this.child;
    if (stdout === null) throw new TypeError('no standard output');
    createInterface({ input: stdout }).on('line', (line) => {
      this.lines.push(JSON.parse(line) as Line);
      for (const look of this.#waiting) look();
    });
    this.#closed = this.#close();
  }

  async #close(): Promise<void> {
    await once(this.child, 'close');
    this.#over = true;
    for (const look of this.#waiting) look();
  }

  /** The first line, past or to come, that fits. Rejects when the process ends without one. */
  line(fits: (line: Line) => boolean): Promise<Line> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = this.lines.find(fits);
        if (found === undefined && !this.#over) return;
        this.#waiting.delete(look);
        if (found === undefined) reject(new Error(`the daemon ended: ${this.errors}${this.lines.map((l) => l.msg).join(', ')}`));
        else resolve(found);
      };
      this.#waiting.add(look);
      look();
    });
  }

  /** Asks after each further line until the answer is yes. */
  async until(holds: () => Promise<boolean>): Promise<void> {
    while (!(await holds())) {
      const seen = this.lines.length;
      await this.line(() => this.lines.length > seen);
    }
  }

  /** Resolves with the exit code, or the signal's name. */
  async end(signal?: NodeJS.Signals): Promise<number | string | null> {
    if (signal !== undefined) this.child.kill(signal);
    await this.#closed;
    return this.child.exitCode ?? this.child.signalCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#over) await this.end('SIGKILL');
  }
}
