import { closeSync, existsSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import type { MachineId } from '../../core/units.ts';
import { ProviderError } from '../contract.ts';
import type { SimClock } from './clock.ts';
import type { SimScript } from './script.ts';
import { type SimEvent, type SimGuest, SimWorld } from './world.ts';

type Line = SimEvent | { readonly kind: 'boot'; readonly bootId: string };

/** Lines of machines that are gone are dropped on opening above this many lines. */
const longFile = 10_000;

/**
 * The events written so far; an incomplete last line (a killed writer) is ignored. Empty when there is no such file.
 * @throws ProviderError when something else has been written into it
 */
export function readWorldFile(file: string): Line[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line, i) => parsed(line, `${file}:${i + 1}`));
}

function parsed(line: string, place: string): Line {
  try {
    return JSON.parse(line) as Line;
  } catch (cause) {
    throw new ProviderError('SIM_WORLD_UNREADABLE', `${place}: not an event of a simulated world; remove the file to begin with an empty one`, {
      fault: 'host',
      cause,
    });
  }
}

export const worldEvents = (lines: readonly Line[]): SimEvent[] => lines.filter((l) => l.kind !== 'boot');

const idOf = (e: SimEvent): MachineId => (e.kind === 'accepted' ? e.order.id : e.id);

function withoutTheGone(events: readonly SimEvent[]): SimEvent[] {
  const gone = new Set(events.filter((e) => e.kind === 'destroyed').map(idOf));
  return events.filter((e) => !gone.has(idOf(e)));
}

/**
 * A world whose machines outlive the process: every event is appended to `file` before it takes effect, and replayed by the
 * next process that opens it; `onEvent` hears of the new ones. As with real machines, a boot of the host ends them all. One process at a time.
 */
export function openWorldFile(
  file: string,
  options: { readonly clock: SimClock; readonly script?: SimScript; readonly guest?: SimGuest; readonly onEvent?: (event: SimEvent) => void },
): SimWorld {
  const lines = readWorldFile(file);
  const boot = lines.findLast((l) => l.kind === 'boot');
  const sameBoot = boot !== undefined && boot.bootId === options.clock.bootId;
  const all = sameBoot ? worldEvents(lines.slice(lines.lastIndexOf(boot))) : [];
  const past = lines.length > longFile ? withoutTheGone(all) : all;
  const kept: Line[] = sameBoot && lines.length <= longFile ? lines : [{ kind: 'boot', bootId: options.clock.bootId }, ...past];
  writeFileSync(`${file}.new`, kept.map((l) => `${JSON.stringify(l)}\n`).join(''), { mode: 0o600 });
  renameSync(`${file}.new`, file);
  const fd = openSync(file, 'a');
  return new SimWorld({
    ...options,
    past,
    onEvent: (event) => {
      writeSync(fd, `${JSON.stringify(event)}\n`);
      options.onEvent?.(event);
    },
    onClose: () => closeSync(fd),
  });
}
