import { stripVTControlCharacters } from 'node:util';

/**
 * Everything that is not for a screen: controls, format characters (direction, zero width, tags), lone surrogates, private and
 * unassigned code points, line and paragraph separators. Text of guests, peers and pipes passes here before it reaches a terminal.
 */
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu;

const visible = (character: string): string => {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
  return code < 0x10000 ? `\\u${code.toString(16).padStart(4, '0')}` : `\\u{${code.toString(16)}}`;
};

/** One line that a terminal shows as it is: what would move the cursor or hide text is written as an escape such as `\x1b`. */
export const printable = (text: string): string => text.replaceAll('\t', ' ').replaceAll(unprintable, visible);

/**
 * Output of a guest as lines for a terminal. Colours and cursor movements are left out, since boot consoles are full of them;
 * what remains of controls is made visible. Line ends stay.
 */
export const printableLines = (text: string): string =>
  stripVTControlCharacters(text)
    .split('\n')
    .map((line) => printable(line.replace(/\r+$/, '')))
    .join('\n');

/** JSON text in which the same characters are written as `\\uXXXX`, so that it means the same and is safe on a terminal. */
export const printableJson = (json: string): string =>
  json.replaceAll(unprintable, (character) =>
    character === '\n' ? character : [...Array(character.length).keys()].map((i) => unit(character.charCodeAt(i))).join(''),
  );
const unit = (code: number): string => `\\u${code.toString(16).padStart(4, '0')}`;

/** `1 machine`, `2 machines`. */
export const counted = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`;

const zeroWidth = /[\p{Mn}\p{Me}]/u;
const wide =
  /[\u1100-\u115f\u231a\u231b\u23e9-\u23f3\u25fd\u25fe\u2614\u2615\u2648-\u2653\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{16fe0}-\u{18cff}\u{1aff0}-\u{1b2ff}\u{1f000}-\u{1faff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;

/** Columns that printable text takes on a terminal. */
export function displayWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let columns = 0;
  for (const character of text) columns += zeroWidth.test(character) ? 0 : wide.test(character) ? 2 : 1;
  return columns;
}

/** Printable text in at most `width` columns; what is cut ends in `…`. */
export function fit(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let kept = '';
  let columns = 0;
  for (const character of text) {
    const more = displayWidth(character);
    if (columns + more > width - 1) break;
    kept += character;
    columns += more;
  }
  return width < 1 ? '' : `${kept}…`;
}
