/** Why a text is no expression or no ad, and where. Lines and columns count from 1, columns in UTF-16 units. */
export class ParseError {
  readonly line: number;
  readonly column: number;
  /** What is wrong, with the text found there. */
  readonly text: string;
  /** What would be valid; absent where nothing is. */
  readonly valid: string | undefined;
  /** Attribute of the outermost ad in whose expression it is. */
  readonly attribute: string | undefined;
  constructor(place: Place, text: string, valid?: string, attribute?: string) {
    this.attribute = attribute;
    this.line = place.line;
    this.column = place.column;
    this.text = text;
    this.valid = valid;
  }
  toString(): string {
    return `${this.line}:${this.column}: ${this.text}${this.valid === undefined ? '' : `; valid: ${this.valid}`}`;
  }
}

export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Place of an offset in a text. */
export const placeOf = (text: string, at: number): Place => placesIn(text)(at);

/** Places of many offsets in one text. */
export function placesIn(text: string): (at: number) => Place {
  const starts = [0];
  for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', end + 1)) starts.push(end + 1);
  return (at) => {
    let low = 0;
    for (let high = starts.length; high - low > 1; ) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= at) low = middle;
      else high = middle;
    }
    return { line: low + 1, column: at - (starts[low] ?? 0) + 1 };
  };
}

/** Thrown inside lexer and parser, which give it back as a ParseError. */
export class ParseProblem extends Error {
  override readonly name = 'ParseProblem';
  readonly at: number;
  readonly valid: string | undefined;
  attribute: string | undefined;
  constructor(at: number, message: string, valid?: string) {
    super(message);
    this.at = at;
    this.valid = valid;
  }
}
