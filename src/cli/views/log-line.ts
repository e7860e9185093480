import { instant } from '../../core/units.ts';
import { type Style, styled } from '../table.ts';
import { printable } from '../text.ts';
import { absolute } from '../time-text.ts';

export type LogRecord = Readonly<Record<string, unknown>>;
const styles: Readonly<Record<string, Style>> = { error: 'red', warn: 'yellow', debug: 'dim' };

/** A line of the log file, or undefined when it is not one (for instance cut by a crash). */
export function readLogLine(line: string): LogRecord | undefined {
  try {
    const record: unknown = JSON.parse(line);
    return typeof record === 'object' && record !== null && !Array.isArray(record) ? (record as LogRecord) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a record is about the machine of this name, name without domain, id, or first 4 or more characters of an id. */
export function isAbout(record: LogRecord, wanted: string): boolean {
  const text = wanted.toLowerCase();
  const same = (name: unknown, id: unknown): boolean =>
    (typeof name === 'string' && (name === text || name.split('.')[0] === text)) ||
    (typeof id === 'string' && (id === text || (text.length >= 4 && id.startsWith(text))));
  const actions = Array.isArray(record['actions']) ? (record['actions'] as LogRecord[]) : [];
  return same(record['machine'], record['id']) || actions.some((action) => same(undefined, action['id']));
}

/** `2026-11-20 11:14:07 warn  action failed  action=create machine=wn01-03 …`, printable whatever the fields hold. */
export function logLine(record: LogRecord, colour: boolean): string {
  const { level, time, msg, ...fields } = record;
  const at = typeof time === 'string' ? absolute(instant(Date.parse(time))) : '-';
  const word = printable(String(level ?? '-'));
  const shown = Object.entries(fields).map(([key, value]) => `${styled(printable(key), 'dim', colour)}=${fieldText(value)}`);
  return [at, styled(word.padEnd(5), styles[word], colour), printable(String(msg ?? '')), ...shown].join(' ');
}

function fieldText(value: unknown): string {
  const text = compact(value);
  return printable(/[\s"=]|^$/.test(text) ? JSON.stringify(text) : text);
}

/** Lists of objects become `a b, c d`: the values alone. `--json` shows their names. */
function compact(value: unknown): string {
  if (Array.isArray(value)) return value.map(compact).join(', ');
  if (typeof value === 'object' && value !== null) return Object.values(value).map(compact).join(' ');
  return typeof value === 'number' ? String(Math.round(value * 1000) / 1000) : String(value);
}
