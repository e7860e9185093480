import { clock } from '../view.ts';
import type { Check, FactoryRow, SpaceState } from './state.ts';
import { tenants, type TenantName } from './site.ts';

const colours: { readonly [T in TenantName]: number } = { red: 31, green: 32, blue: 34 };
type Paint = (code: number, text: string) => string;
const painted: Paint = (code, text) => `\u001B[${code}m${text}\u001B[0m`;
const plain: Paint = (_, text) => text;
const bold = 1;
const dim = 2;
const yellow = 33;

const clip = (text: string, width: number): string => (text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`);

/** The live view: at most `height` lines, none longer than `width` columns. What comes last goes first when the terminal is small. */
export function spaceView(state: SpaceState, width: number, height: number, colour: boolean): readonly string[] {
  const paint = colour ? painted : plain;
  const line = (text: string): string => clip(text, width);
  return [
    paint(bold, line(`Vacua: a space of ${state.rows.length} factories without a head   ${clock(state.elapsed)}   Ctrl-C ends it`)),
    paint(yellow, line(`now: ${state.act}`)),
    paint(bold, line('factory  machines  slots         hears  state')),
    ...state.rows.map((row) => rowLine(row, width, paint)),
    paint(bold, line('tenant   running  target')),
    ...state.tenants.map(({ name, running, target }) => {
      const bar = '█'.repeat(Math.min(running, 20));
      return `${paint(colours[name], name.padEnd(7))}${clip(`  ${String(running).padStart(7)}  ${target.toFixed(1).padStart(6)}  ${bar}`, width - 7)}`;
    }),
    ...state.checks.slice(-6).map((c) => paint(c.held ? colours.green : colours.red, line(checkLine(c)))),
    ...state.messages.slice(-8).map((m) => paint(dim, line(m))),
  ].slice(0, height);
}

function rowLine({ id, provider, mood, slots, running, hears, deaf }: FactoryRow, width: number, paint: Paint): string {
  const boxes = tenants.flatMap(({ name }) => Array.from({ length: running.get(name) ?? 0 }, () => ({ text: name[0] ?? '', code: colours[name] })));
  const free = Math.max(0, slots - boxes.length);
  const filled = boxes.map(({ text, code }) => paint(code, text)).join('') + '·'.repeat(free) + ' '.repeat(Math.max(0, 12 - boxes.length - free));
  const rest = `  ${String(hears).padStart(5)}  ${mood}${deaf.length > 0 ? `, silent for it: ${deaf.join(' ')}` : ''}`;
  return `${id.padEnd(9)}${provider.padEnd(10)}${filled}${clip(rest, Math.max(0, width - 31))}`;
}

export const checkLine = ({ name, held, detail }: Check): string => `${held ? '✓' : '✗'} ${name}${detail === '' ? '' : `: ${detail}`}`;

/** One line for those who have no terminal. */
export const progressLine = ({ elapsed, rows, tenants: all }: SpaceState): string =>
  `${clock(elapsed)}  ${all.map((t) => `${t.name} ${t.running}/${t.target.toFixed(1)}`).join('  ')}  factories up: ${rows.filter((r) => r.mood !== 'killed').length} of ${rows.length}`;
