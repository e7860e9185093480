import { shutdownMessageLength } from './limits.ts';

/** JSON in pure ASCII, as the reference writes it (spec/vacquery.md §2). */
export const asciiJson = (value: unknown): string =>
  JSON.stringify(value).replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** A flat object without its closing brace, so that more keys can follow. Keys without a value are left out; a number that is none is 0. */
export function openObject(fields: Readonly<Record<string, unknown>>): string {
  const parts: string[] = [];
  for (const [key, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    parts.push(`"${key}": ${typeof value === 'number' && !Number.isFinite(value) ? '0' : asciiJson(value)}`);
  }
  return `{${parts.join(', ')}`;
}

/** First line, printable ASCII, at most 200 characters; undefined when nothing is left (spec/vacquery.md §10). */
export const cleanMessage = (text: string): string | undefined => cleanLine(text.trimStart(), shutdownMessageLength);

/** Text of a peer or a machine, fit for logs, terminals and datagrams. White space is a blank, what cannot be printed a question mark. */
export function cleanLine(text: string, longest: number): string | undefined {
  const line = text.slice(0, 8 * longest).split(/[\r\n]/, 1)[0] ?? '';
  const clean = line
    .replace(/\s/g, ' ')
    .replace(/[^ -~]/gu, '?')
    .trim()
    .slice(0, longest)
    .trimEnd();
  return clean === '' ? undefined : clean;
}

/** Host, machine and machinetype names, spaces: what may be shown and compared without surprises. */
export const isName = (text: string): boolean => text.length <= 255 && /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/.test(text);
