import { isLive, type Machine } from '../core/machine.ts';
import { CliError } from './context.ts';
import { printable } from './text.ts';

const leastIdPrefix = 4;
const stateWords: Record<Machine['state'], string> = { creating: 'Starting', running: 'Running', ending: 'Ending', finished: 'Shut down' };
/** The field's words for the states of a record (spec/factory.md §6.2). */
export const stateWord = (state: Machine['state']): string => stateWords[state];

/**
 * The machine that a person means: full name, name without domain, id, or the first characters of an id (at least 4). Names are
 * reused by the machines of a slot: a live one goes first, else the latest. Throws a `CliError` with code 2 that lists candidates.
 */
export function findMachine(machines: readonly Machine[], wanted: string): Machine {
  const text = wanted.toLowerCase();
  const named = machines.filter((m) => m.name === text || m.name.split('.')[0] === text);
  const found = named.length > 0 ? latestPerName(named) : byId(machines, text);
  if (found.length === 1 && found[0] !== undefined) return found[0];
  if (found.length === 0) throw new CliError(2, `there is no machine "${printable(wanted)}"`, candidates(latestPerName(machines)));
  throw new CliError(2, `"${printable(wanted)}" may mean ${found.length} machines`, candidates(found));
}

const byId = (machines: readonly Machine[], text: string): readonly Machine[] =>
  machines.filter((m) => m.id === text || (text.length >= leastIdPrefix && m.id.startsWith(text)));

function latestPerName(machines: readonly Machine[]): readonly Machine[] {
  const latest = new Map<string, Machine>();
  for (const m of machines) {
    const other = latest.get(m.name);
    if (other === undefined || (isLive(m) === isLive(other) ? m.createdAt >= other.createdAt : isLive(m))) latest.set(m.name, m);
  }
  return [...latest.values()];
}

const listed = 20;
function candidates(machines: readonly Machine[]): string {
  if (machines.length === 0) return 'The factory has no machines; `vacua why` says why.';
  const lines = machines.slice(0, listed).map((m) => `  ${printable(m.name)}  ${m.id}  ${printable(m.machinetype)}  ${stateWord(m.state)}`);
  const more = machines.length > listed ? [`  and ${machines.length - listed} more: see \`vacua machines --all\``] : [];
  return ['Name one of these, or more of its id:', ...lines, ...more].join('\n');
}
