import { chmodSync, existsSync, mkdirSync, mkdtempSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { mountsOf, processesOf, removeAbandoned, sweep, writeOwner } from '../leftovers.ts';
import { realParts } from '../factory.ts';
import { Screen } from '../screen.ts';
import type { Check } from '../space/state.ts';
import { clock } from '../view.ts';
import { withCommand } from './overlay.ts';
import { freePort } from './program.ts';
import type { Site } from './site.ts';
import { Story } from './story.ts';
import { checkLine, countLine, queueView, type QueueState } from './view.ts';
import { collatz, collatzTag, piTag } from './work.ts';
import { World } from './world.ts';

/**
 * `main.ts [--plain | --json] [--small] [--var DIR]`: a tenant's queue, and machines of two environments for its jobs (docs/demo-queue.md). Exit code 0: everything
 * held; 1: something did not; 130: a person ended it; 3: this host cannot do it. `--json` prints one line per check, for tests.
 */
const { values } = parseArgs({
  options: {
    plain: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    small: { type: 'boolean', default: false },
    var: { type: 'string' },
  },
});
const root = resolve(import.meta.dirname, '..', '..', '..');
const guest = join(root, 'var', 'guest');
const varDir = values.var ?? join(root, 'var');
const print = (line: string): void => void process.stdout.write(`${line}\n`);

if (!existsSync(join(guest, 'vmlinuz'))) {
  process.stderr.write('demo:queue: there is no guest image; make it with: npm run setup\n');
  process.exit(3);
}
mkdirSync(varDir, { recursive: true });
await removeAbandoned(varDir, realParts.removeMachines, print);
const directory = mkdtempSync(join(varDir, 'demo-queue-'));
chmodSync(directory, 0o711);
writeOwner(directory);

const leaving = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => leaving.abort());

const collatzInitrd = join(directory, 'initrd-collatz');
withCommand(join(guest, 'initrd'), collatzInitrd, collatz);
const kind = { tenant: 'red', share: 1 };
const site: Site = {
  directory,
  kernel: join(guest, 'vmlinuz'),
  slots: 3,
  port: await freePort(),
  kinds: [
    { ...kind, machinetype: 'red-pi', maxMachines: 2, initrd: join(guest, 'initrd'), environment: { name: 'pi-1.0', tags: [piTag], cost: 1 } },
    { ...kind, machinetype: 'red-collatz', maxMachines: 1, initrd: collatzInitrd, environment: { name: 'collatz-2.1', tags: [collatzTag], cost: 2 } },
  ],
};

const live = process.stdout.isTTY && !values.plain && !values.json;
const screen = live ? new Screen(process.stdout) : undefined;
const lines = !live && !values.json;
const show = (check: Check): void => (values.json ? print(JSON.stringify(check)) : lines ? print(checkLine(check)) : undefined);
const world = new World({ site, root, onMessage: (text) => lines && print(`${clock(world.elapsed)}  ${text}`), onCheck: show, signal: leaving.signal });

const state = (): QueueState => ({
  elapsed: world.elapsed,
  act: world.act,
  jobs: [...world.jobs.values()],
  machines: world.live,
  now: Date.now() / 1000,
  messages: world.messages,
  checks: world.checks,
});

let shown = 0;
/** One look at everything. */
async function tick(): Promise<boolean> {
  const next = performance.now() + 500;
  await world.look();
  screen?.draw(queueView(state(), screen.width, screen.height, process.env['NO_COLOR'] === undefined));
  if (lines && performance.now() - shown > 5000) {
    shown = performance.now();
    print(`${clock(world.elapsed)}  ${world.live.length} machines, ${countLine([...world.jobs.values()])}`);
  }
  const { promise, resolve: done } = Promise.withResolvers<void>();
  const timer = setTimeout(done, Math.max(0, next - performance.now()));
  leaving.signal.addEventListener('abort', () => done(), { once: true });
  await promise;
  clearTimeout(timer);
  return !leaving.signal.aborted;
}

let left: readonly string[] = [];
try {
  await world.open();
  await new Story(world, values.small ? { pi: 12, collatz: 6 } : { pi: 160, collatz: 80 }, tick).play();
} finally {
  screen?.close();
  await world.close();
  const over = (): boolean => processesOf(directory).length === 0;
  for (const end = performance.now() + 5000; !over() && performance.now() < end; ) await new Promise((done) => setTimeout(done, 50));
  left = [...processesOf(directory).map((pid) => `process ${pid}`), ...mountsOf(directory).map((path) => `mount ${path}`)];
  sweep(directory);
}
if (leaving.signal.aborted) {
  print(`ended by request; ${left.length === 0 ? 'nothing is left behind' : `had to end: ${left.join(', ')}`}`);
  process.exit(130);
}
world.check('nothing is left behind', left.length === 0, left.join(', '));
if (!values.json) {
  if (live) for (const check of world.checks) print(checkLine(check));
  const held = world.checks.filter((c) => c.held).length;
  print(`${countLine([...world.jobs.values()])}; ${world.machines.length} machines`);
  print(`${held} of ${world.checks.length} held, in ${Math.round(world.elapsed)} s`);
}
process.exit(world.checks.every((c) => c.held) ? 0 : 1);
