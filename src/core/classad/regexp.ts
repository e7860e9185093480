import type { Call } from './expression.ts';
import type { Meter } from './limits.ts';
import { compilePattern, type Instruction, PatternProblem } from './regexp-syntax.ts';
import { ErrorValue } from './value.ts';

/**
 * A regular expression that is matched in time proportional to pattern × text, whatever the pattern: all its threads move through the text
 * together, and there is no going back. That is why back-references and look-around are no part of the language.
 */
export class Pattern {
  readonly #program: readonly Instruction[];
  constructor(program: readonly Instruction[]) {
    this.#program = program;
  }

  /** Whether it occurs in the text. */
  test(text: string, meter: Meter): boolean {
    const program = this.#program;
    /** Position at which each instruction was reached last: once per position is enough. */
    const reached = new Int32Array(program.length).fill(-1);
    let threads: number[] = [];
    let next: number[] = [];
    const stack: number[] = [];
    for (let at = 0; ; ) {
      stack.push(0);
      for (let i = threads.length; i > 0; ) stack.push(threads[--i] as number);
      next.length = 0;
      const point = text.codePointAt(at);
      const work = stack.length;
      while (stack.length > 0) {
        const index = stack.pop() as number;
        if (reached[index] === at) continue;
        reached[index] = at;
        const instruction = program[index] as Instruction;
        switch (instruction.kind) {
          case 'found':
            return true;
          case 'split':
            stack.push(instruction.second, instruction.first);
            break;
          case 'assert':
            if (holds(instruction.what, text, at)) stack.push(index + 1);
            break;
          case 'char':
            if (point !== undefined && instruction.accepts(point)) next.push(index + 1);
        }
      }
      meter.charge((work >> 3) + (at & 7 ? 0 : 1));
      if (point === undefined) return false;
      at += point > 0xffff ? 2 : 1;
      [threads, next] = [next, threads];
    }
  }
}

const wordChar = (char: string | undefined): boolean => char !== undefined && /\w/.test(char);
function holds(what: '^' | '$' | 'b' | 'B', text: string, at: number): boolean {
  if (what === '^') return at === 0;
  if (what === '$') return at === text.length || (at === text.length - 1 && text[at] === '\n');
  return (wordChar(text[at - 1]) !== wordChar(text[at])) === (what === 'b');
}

/** The last pattern of each call: nearly always it is the same, a literal. */
const compiled = new WeakMap<Call, { readonly source: string; readonly ignoreCase: boolean; readonly pattern: Pattern | ErrorValue }>();

export function patternOf(source: string, ignoreCase: boolean, call: Call, meter: Meter): Pattern | ErrorValue {
  meter.charge(source.length >> 2);
  const known = compiled.get(call);
  if (known !== undefined && known.source === source && known.ignoreCase === ignoreCase) return known.pattern;
  const pattern = makePattern(source, ignoreCase);
  compiled.set(call, { source, ignoreCase, pattern });
  return pattern;
}

/** An error value tells why the text is no pattern. */
export function makePattern(source: string, ignoreCase: boolean): Pattern | ErrorValue {
  try {
    return new Pattern(compilePattern(source, ignoreCase));
  } catch (problem) {
    if (!(problem instanceof PatternProblem)) throw problem;
    return new ErrorValue(`pattern, character ${problem.at + 1}: ${problem.message}`);
  }
}
