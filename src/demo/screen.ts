/** What a live view needs of a terminal. */
export interface TerminalStream {
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

/**
 * The alternate screen of a terminal, on which only changed lines are written. `close` gives the terminal back as it was,
 * with everything that had been on it.
 */
export class Screen {
  readonly #stream: TerminalStream;
  #shown: readonly string[] | undefined;
  #size = '';

  constructor(stream: TerminalStream) {
    this.#stream = stream;
  }

  get width(): number {
    return this.#stream.columns ?? 80;
  }
  get height(): number {
    return this.#stream.rows ?? 24;
  }

  draw(lines: readonly string[]): void {
    const size = `${this.width}x${this.height}`;
    // A new size moves what was written: everything again.
    if (this.#shown === undefined || size !== this.#size) {
      this.#stream.write(`${this.#shown === undefined ? '\u001B[?1049h\u001B[?25l' : ''}\u001B[2J`);
      this.#shown = [];
      this.#size = size;
    }
    const text = difference(this.#shown, lines);
    this.#shown = lines;
    if (text !== '') this.#stream.write(text);
  }

  /** Idempotent. */
  close(): void {
    if (this.#shown !== undefined) this.#stream.write('\u001B[?25h\u001B[?1049l');
    this.#shown = undefined;
  }
}

/** What must be written to turn one screen into another, line by line. */
export function difference(before: readonly string[], after: readonly string[]): string {
  let text = '';
  for (let i = 0; i < Math.max(before.length, after.length); i++) {
    const line = after[i] ?? '';
    if (line !== (before[i] ?? '')) text += `\u001B[${i + 1};1H${line}\u001B[K`;
  }
  return text;
}
