/** Attribute and value, in the order of writing; several values are several pairs. */
export type LdifAttribute = readonly [name: string, value: string | number | boolean];

const lineLength = 78;
/** RFC 2849: what may stand after a colon as it is. A blank at the end would be lost on the way. */
const safe = /^(?![ :<])[ -~]*(?<! )$/;

/** One entry with the empty line behind it (spec/environments.md §4.6): lines of at most 78 characters, base64 for what is not plain ASCII. */
export const ldifEntry = (dn: string, attributes: readonly LdifAttribute[]): string =>
  `${[line('dn', dn), ...attributes.map(([name, value]) => line(name, valueText(value)))].join('\n')}\n\n`;

const valueText = (value: string | number | boolean): string => (typeof value === 'boolean' ? (value ? 'TRUE' : 'FALSE') : String(value));

function line(name: string, value: string): string {
  const text = safe.test(value) ? `${name}:${value === '' ? '' : ` ${value}`}` : `${name}:: ${base64(value)}`;
  const parts = [text.slice(0, lineLength)];
  for (let at = lineLength; at < text.length; at += lineLength - 1) parts.push(` ${text.slice(at, at + lineLength - 1)}`);
  return parts.join('\n');
}

const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');

/** `NAME=VALUE` as part of a distinguished name (RFC 4514). */
export const rdn = (name: string, value: string): string =>
  `${name}=${value
    .replaceAll(/["+,;<>\\=]/g, (char) => `\\${char}`)
    .replaceAll('\0', '\\00')
    .replace(/^[ #]/, (char) => `\\${char}`)
    .replace(/ $/, '\\ ')}`;
