/** Anything a server sent as one printable line: markup out, white space folded, cut to `most` characters. */
export function oneLine(text: string, most = 300): string {
  const plain = text
    .slice(0, 20_000)
    .replaceAll(/<(script|style)\b.*?<\/\1>/gis, ' ')
    .replaceAll(/<[^>]{0,1000}>/g, ' ')
    .replaceAll(/[^\p{L}\p{N}\p{P}\p{S}]+/gu, ' ')
    .trim();
  return plain.length > most ? `${plain.slice(0, most - 1)}…` : plain;
}

/** Nothing in it that a terminal, a database or a cloud's schema could take for more than text. */
export const isPrintable = (text: string): boolean => /^[\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}]*$/u.test(text) && !/[\u{10000}-\u{10ffff}]/u.test(text);
