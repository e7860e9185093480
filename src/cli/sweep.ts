import { CliError } from './context.ts';

/** One `--sweep name=…`: a name and the values that it takes. */
export interface Sweep {
  readonly name: string;
  readonly values: readonly string[];
}

const mostJobs = 100_000;

/** `name=1..300`, `name=0..100..10` (steps of ten) or `name=a,b,c`. Throws a CliError. */
export function readSweep(text: string): Sweep {
  const [, name, values] = /^([A-Za-z][A-Za-z0-9_]*)=(.+)$/s.exec(text) ?? [];
  if (name === undefined || values === undefined) throw wrong(text);
  const [, first, last, step = '1'] = /^(-?\d{1,15})\.\.(-?\d{1,15})(?:\.\.(\d{1,15}))?$/.exec(values) ?? [];
  if (first === undefined || last === undefined) {
    if (values.includes('..')) throw wrong(text);
    return { name, values: values.split(',') };
  }
  const count = Math.floor((Number(last) - Number(first)) / Number(step)) + 1;
  if (!(Number(step) > 0 && count > 0)) throw wrong(text);
  if (count > mostJobs) throw new CliError(2, `${JSON.stringify(text)} makes ${count} jobs`, `At most ${mostJobs} are submitted at once.`);
  return { name, values: Array.from({ length: count }, (_, i) => String(Number(first) + i * Number(step))) };
}

const wrong = (text: string): CliError => new CliError(2, `${JSON.stringify(text)} is no sweep`, 'Valid: name=1..300, name=0..100..10 or name=a,b,c.');

/**
 * The job descriptions that a text with `@{name}` stands for: one per combination of values, the last name changing fastest. A name that
 * the text does not use, or uses without a sweep, is a slip and throws a CliError.
 */
export function expand(text: string, sweeps: readonly Sweep[]): readonly string[] {
  const names = sweeps.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined) throw new CliError(2, `${twice} is swept twice`, 'Give each name once.');
  const used = new Set([...text.matchAll(/@\{([A-Za-z][A-Za-z0-9_]*)\}/g)].map(([, name]) => name ?? ''));
  const unused = names.find((name) => name !== 'n' && !used.has(name));
  if (unused !== undefined)
    throw new CliError(2, `the job description does not use @{${unused}}`, 'Put it where the value is to stand, or leave the sweep out.');
  const unknown = [...used].find((name) => !names.includes(name));
  if (unknown !== undefined) throw new CliError(2, `the job description uses @{${unknown}}, which has no values`, `Give them with --sweep ${unknown}=1..10.`);
  const total = sweeps.reduce((product, { values }) => product * values.length, 1);
  if (total > mostJobs) throw new CliError(2, `these sweeps make ${total} jobs`, `At most ${mostJobs} are submitted at once.`);
  let rows: readonly ReadonlyMap<string, string>[] = [new Map()];
  for (const { name, values } of sweeps) rows = rows.flatMap((row) => values.map((value) => new Map([...row, [name, value]])));
  return rows.map((row) => text.replaceAll(/@\{([A-Za-z][A-Za-z0-9_]*)\}/g, (_, name: string) => row.get(name) ?? ''));
}
