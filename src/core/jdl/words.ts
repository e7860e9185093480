export type Words = { readonly words: readonly string[] } | { readonly problem: string; readonly valid: string };

/**
 * A command line split as a shell does it, without expanding anything: `'…'` is literal, in `"…"` a backslash escapes `" \ $`, elsewhere it
 * escapes the next character. Backquotes are refused anywhere, and `& | < >` where they are neither quoted nor escaped (spec/environments.md §2.1).
 */
export function splitWords(line: string): Words {
  const words: string[] = [];
  let word: string | undefined;
  for (let at = 0; at < line.length; at++) {
    const char = line[at] ?? '';
    if (char === '`') return { problem: 'a backquote', valid: 'no backquotes, quoted or not' };
    if (char === "'") {
      const end = line.indexOf("'", at + 1);
      if (end < 0) return open(char);
      const inside = line.slice(at + 1, end);
      if (inside.includes('`')) return { problem: 'a backquote', valid: 'no backquotes, quoted or not' };
      word = (word ?? '') + inside;
      at = end;
    } else if (char === '"') {
      let text = '';
      for (at++; line[at] !== '"'; at++) {
        if (at >= line.length) return open('"');
        if (line[at] === '`') return { problem: 'a backquote', valid: 'no backquotes, quoted or not' };
        if (line[at] === '\\' && /["\\$]/.test(line[at + 1] ?? '')) at++;
        text += line[at] ?? '';
      }
      word = (word ?? '') + text;
    } else if (char === '\\') {
      at++;
      const next = line[at];
      if (next === undefined) return { problem: 'a backslash at the end', valid: 'a character after it, or two backslashes' };
      if (next === '`') return { problem: 'a backquote', valid: 'no backquotes, quoted or not' };
      word = (word ?? '') + next;
    } else if (/[&|<>]/.test(char)) {
      return { problem: `an unquoted ${char}`, valid: `'${char}' in single quotes, or three backslashes in front of it` };
    } else if (/[ \t\r\n]/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + char;
  }
  if (word !== undefined) words.push(word);
  return { words };
}

const open = (quote: string): Words => ({ problem: `a ${quote} that is not closed`, valid: `${quote} at the end of what it quotes` });
