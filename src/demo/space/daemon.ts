import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { namespaceOf } from './network.ts';
import type { Host } from './site.ts';

const clockOff = join(import.meta.dirname, 'clock-off.mjs');

export type LogLine = Readonly<Record<string, unknown>> & { readonly msg: string };

/** `vacua factory` as a process of its own in the network namespace of its host. */
export class Daemon {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #last: string[] = [];

  constructor(host: Host, vacua: string, config: string, onLine: (line: LogLine) => void) {
    const skewed = host.clockOff === undefined ? {} : { NODE_OPTIONS: `--import=${clockOff}`, CLOCK_OFF_SECONDS: String(host.clockOff) };
    // Detached: a Ctrl-C is for the demonstration, which then ends its factories in order.
    this.#child = spawn('nsenter', [`--net=${namespaceOf(host)}`, '--', vacua, '--config', config, 'factory'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...skewed },
      detached: true,
    });
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
