/** Steps of a matcher; each goes on with the next unless it says otherwise. */
export type Instruction =
  | { readonly kind: 'char'; readonly accepts: Accepts }
  | { readonly kind: 'split'; readonly first: number; readonly second: number }
  | { readonly kind: 'assert'; readonly what: '^' | '$' | 'b' | 'B' }
  | { readonly kind: 'found' };
type Accepts = (point: number) => boolean;

export class PatternProblem extends Error {
  override readonly name = 'PatternProblem';
  readonly at: number;
  constructor(at: number, message: string) {
    super(message);
    this.at = at;
  }
}

/** UTF-16 units of a pattern, brackets within each other, and instructions that repetitions may make of it. */
const maxPattern = 1000;
const maxGroups = 50;
const maxInstructions = 2000;

const between =
  (low: number, high: number): Accepts =>
  (point) =>
    point >= low && point <= high;
const any = (...sets: readonly Accepts[]): Accepts =>
  sets.length === 1 && sets[0] !== undefined ? sets[0] : (point) => sets.some((accepts) => accepts(point));
const not =
  (accepts: Accepts): Accepts =>
  (point) =>
    !accepts(point);
const exactly = (char: number): Accepts => between(char, char);
const range = (text: string): Accepts => between(text.charCodeAt(0), text.charCodeAt(1));
const digit = range('09');
const space: Accepts = (point) => point === 32 || (point >= 9 && point <= 13);
const wordChar = any(range('az'), range('AZ'), digit, exactly(95));
const letter = any(range('az'), range('AZ'));
const classes: ReadonlyMap<string, Accepts> = new Map([
  ['d', digit],
  ['D', not(digit)],
  ['s', space],
  ['S', not(space)],
  ['w', wordChar],
  ['W', not(wordChar)],
]);
const posix: ReadonlyMap<string, Accepts> = new Map([
  ['alpha', letter],
  ['digit', digit],
  ['alnum', any(letter, digit)],
  ['upper', range('AZ')],
  ['lower', range('az')],
  ['space', space],
  ['punct', (p: number): boolean => p > 32 && p < 127 && !letter(p) && !digit(p)],
  ['xdigit', any(digit, range('af'), range('AF'))],
]);
const controls: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, v: 11 };

const bothCases =
  (accepts: Accepts): Accepts =>
  (point) => {
    if (accepts(point)) return true;
    const char = String.fromCodePoint(point);
    return accepts(char.toLowerCase().codePointAt(0) ?? point) || accepts(char.toUpperCase().codePointAt(0) ?? point);
  };

type Fragment = readonly Instruction[];
const notNewline = not(exactly(10));

/** Instructions of the usual syntax without back-references and look-around. Throws PatternProblem. */
export function compilePattern(source: string, ignoreCase: boolean): readonly Instruction[] {
  if (source.length > maxPattern) throw new PatternProblem(maxPattern, `longer than ${maxPattern} characters`);
  const reader = new PatternReader(source, ignoreCase);
  return [...reader.whole(), { kind: 'found' }];
}

/** Fragments hold jumps relative to their own first instruction; `placed` moves them. */
const placed = (fragment: Fragment, by: number): Fragment =>
  fragment.map((i) => (i.kind === 'split' ? { kind: 'split', first: i.first + by, second: i.second + by } : i));

function joined(...fragments: readonly Fragment[]): Fragment {
  const all: Instruction[] = [];
  for (const fragment of fragments) all.push(...placed(fragment, all.length));
  return all;
}

const jump = (to: number): Instruction => ({ kind: 'split', first: to, second: to });
const either = (a: Fragment, b: Fragment): Fragment => joined([{ kind: 'split', first: 1, second: a.length + 2 }], a, [jump(b.length + 1)], b);
const optional = (a: Fragment): Fragment => joined([{ kind: 'split', first: 1, second: a.length + 1 }], a);
const star = (a: Fragment): Fragment => joined([{ kind: 'split', first: 1, second: a.length + 2 }], a, [jump(-a.length - 1)]);

class PatternReader {
  readonly #source: string;
  #at = 0;
  #groups = 0;
  /** Makes a set take both cases of a letter, where case is ignored. */
  readonly #cased: (accepts: Accepts) => Accepts;
  constructor(source: string, ignoreCase: boolean) {
    this.#source = source;
    this.#cased = ignoreCase ? bothCases : (accepts) => accepts;
  }

  whole(): Fragment {
    const fragment = this.#alternatives();
    if (this.#at < this.#source.length) throw this.#problem('an unmatched )');
    return fragment;
  }

  #alternatives(): Fragment {
    const options = [this.#sequence()];
    while (this.#accept('|')) options.push(this.#sequence());
    return options.reduceRight((rest, option) => this.#bounded(either(option, rest)));
  }

  #sequence(): Fragment {
    const parts: Fragment[] = [];
    for (let char = this.#source[this.#at]; char !== undefined && char !== '|' && char !== ')'; char = this.#source[this.#at]) {
      parts.push(this.#repeated(this.#atom()));
    }
    return this.#bounded(joined(...parts));
  }

  #repeated(atom: Fragment): Fragment {
    let result = atom;
    for (;;) {
      if (this.#accept('*')) result = star(result);
      else if (this.#accept('+')) result = joined(result, star(result));
      else if (this.#accept('?')) result = optional(result);
      else {
        const counts = /^\{(\d{1,4})(,?)(\d{0,4})\}/.exec(this.#source.slice(this.#at, this.#at + 12));
        if (counts === null) return result;
        result = this.#counted(result, counts);
      }
      this.#accept('?');
      this.#bounded(result);
    }
  }

  #counted(atom: Fragment, [written, low, comma, high]: readonly (string | undefined)[]): Fragment {
    const least = Number(low);
    const most = comma === '' ? least : high === '' ? undefined : Number(high);
    if (most !== undefined && most < least) throw this.#problem(`${written}: the second number is smaller`);
    if (atom.length * (most ?? least + 1) > maxInstructions) throw this.#problem(`${written} makes the pattern too long`);
    this.#at += written?.length ?? 0;
    const rest = most === undefined ? [star(atom)] : Array.from({ length: most - least }, () => optional(atom));
    return joined(...Array.from({ length: least }, () => atom), ...rest);
  }

  #atom(): Fragment {
    const at = this.#at;
    const point = this.#source.codePointAt(at) ?? 0;
    const char = String.fromCodePoint(point);
    this.#at += char.length;
    if (char === '(') return this.#group();
    if (char === '[') return [{ kind: 'char', accepts: this.#set() }];
    if (char === '.') return [{ kind: 'char', accepts: notNewline }];
    if (char === '^' || char === '$') return [{ kind: 'assert', what: char }];
    if (char === '\\') return this.#escape();
    if (char === '*' || char === '+' || char === '?') throw new PatternProblem(at, `${char} has nothing to repeat`);
    return [{ kind: 'char', accepts: this.#cased(exactly(point)) }];
  }

  #group(): Fragment {
    if (this.#source[this.#at] === '?' && !this.#source.startsWith('?:', this.#at)) throw this.#problem('"(?" is only known as "(?:"');
    if (this.#source[this.#at] === '?') this.#at += 2;
    if (++this.#groups > maxGroups) throw this.#problem(`more than ${maxGroups} groups`);
    const inner = this.#alternatives();
    if (!this.#accept(')')) throw this.#problem('a ( is not closed');
    return inner;
  }

  #escape(): Fragment {
    const char = this.#source[this.#at];
    if (char === 'b' || char === 'B') {
      this.#at++;
      return [{ kind: 'assert', what: char }];
    }
    return [{ kind: 'char', accepts: this.#cased(this.#escapedSet()) }];
  }

  #escapedSet(): Accepts {
    const point = this.#source.codePointAt(this.#at);
    if (point === undefined) throw this.#problem('a \\ at the end');
    const char = String.fromCodePoint(point);
    const accepts = classes.get(char);
    if (accepts === undefined && /[A-Za-z0-9]/.test(char) && controls[char] === undefined) throw this.#problem(`\\${char} is not known`);
    this.#at += char.length;
    return accepts ?? exactly(controls[char] ?? point);
  }

  #set(): Accepts {
    const from = this.#at - 1;
    const inverted = this.#accept('^');
    const sets: Accepts[] = [];
    for (let first = true; first || this.#source[this.#at] !== ']'; first = false) {
      if (this.#at >= this.#source.length) throw new PatternProblem(from, 'a [ is not closed');
      const named = /^\[:([a-z]+):\]/.exec(this.#source.slice(this.#at, this.#at + 12));
      if (named !== null) {
        const accepts = posix.get(named[1] ?? '');
        if (accepts === undefined) throw this.#problem(`${named[0]} is not known`);
        this.#at += named[0].length;
        sets.push(accepts);
      } else sets.push(this.#member());
    }
    this.#at++;
    const accepts = this.#cased(any(...sets));
    return inverted ? not(accepts) : accepts;
  }

  /** A character, a range or an escape in a set. */
  #member(): Accepts {
    const low = this.#point();
    if (typeof low === 'function') return low;
    if (this.#source[this.#at] !== '-' || this.#source[this.#at + 1] === ']' || this.#at + 1 >= this.#source.length) return exactly(low);
    this.#at++;
    const high = this.#point();
    if (typeof high === 'function' || high < low) throw this.#problem('a range whose end is before its begin');
    return between(low, high);
  }

  #point(): number | Accepts {
    const point = this.#source.codePointAt(this.#at) ?? 0;
    const char = String.fromCodePoint(point);
    this.#at += char.length;
    if (char !== '\\') return point;
    const escaped = this.#source[this.#at] ?? '';
    if (classes.has(escaped)) return this.#escapedSet();
    const value = this.#source.codePointAt(this.#at);
    this.#escapedSet();
    return controls[escaped] ?? value ?? 0;
  }

  #accept(char: string): boolean {
    if (this.#source[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #bounded(fragment: Fragment): Fragment {
    if (fragment.length > maxInstructions) throw this.#problem('the pattern is too long');
    return fragment;
  }

  #problem(message: string): PatternProblem {
    return new PatternProblem(this.#at, message);
  }
}
