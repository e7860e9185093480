import { chmodSync, existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Screen } from '../screen.ts';
import { hosts as hostsOf } from './site.ts';
import type { Check } from './state.ts';
import { holds, hour, Story } from './story.ts';
import { checkLine, progressLine, spaceView } from './view.ts';
import { World } from './world.ts';

/**
 * `main.ts --directory DIR [--plain | --json] [--factories N] [--seed N] [--simulated]`, in namespaces of its own (scripts/demo-space.sh). Exit code 0:
 * everything held; 1: something did not, or a person ended it. `--json` prints one line per check, for tests.
 */
const { values } = parseArgs({
  options: {
    directory: { type: 'string' },
    plain: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    factories: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
    simulated: { type: 'boolean', default: false },
  },
});
const { directory, json } = values;
if (directory === undefined) throw new TypeError('--directory is required; start with: npm run demo:space');
chmodSync(directory, 0o711);

const count = Number(values.factories);
if (!Number.isInteger(count) || count < 8 || count > 90) throw new TypeError(`--factories is "${values.factories}"; valid: 8 to 90`);

const root = resolve(import.meta.dirname, '..', '..', '..');
const guest = join(root, 'var', 'guest');
const print = (line: string): void => void process.stdout.write(`${line}\n`);
const asJson = (check: Check): void => print(JSON.stringify(check));

/** Why machines cannot be real here; undefined: they can. */
function missing(): string | undefined {
  if (values.simulated) return '--simulated was given';
  if (process.env['VACUA_USER_NAMESPACE'] !== undefined) return 'real machines in namespaces of their own need root';
  if (!(process.env['PATH'] ?? '').split(':').some((place) => existsSync(join(place, 'qemu-system-x86_64')))) return 'qemu-system-x86_64 is not installed';
  return existsSync(join(guest, 'vmlinuz')) ? undefined : 'there is no guest image; make it with: npm run setup';
}

const why = missing();
const leaving = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => leaving.abort());

const live = process.stdout.isTTY && !values.plain && !json;
const screen = live ? new Screen(process.stdout) : undefined;
const lines = !live && !json;
const world = new World({
  hosts: hostsOf(count, why === undefined ? 2 : 0, hour),
  places: { directory, guest },
  vacua: join(root, 'bin', 'vacua'),
  seed: Number(values.seed),
  onMessage: (text) => lines && print(text),
  onCheck: (check) => (json ? asJson(check) : lines && print(checkLine(check))),
  signal: leaving.signal,
});
if (why !== undefined) world.say(`all machines are simulated: ${why}`);
if (json) asJson({ name: 'real machines', held: true, detail: why === undefined ? 'on two hosts' : `skipped: ${why}` });

let shown = 0;
/** One look at everything. */
async function tick(): Promise<boolean> {
  const next = performance.now() + 500;
  await world.look();
  const state = world.state();
  screen?.draw(spaceView(state, screen.width, screen.height, process.env['NO_COLOR'] === undefined));
  if (lines && performance.now() - shown > 5000) {
    shown = performance.now();
    print(progressLine(state));
  }
  const { promise, resolve: done } = Promise.withResolvers<void>();
  const timer = setTimeout(done, Math.max(0, next - performance.now()));
  leaving.signal.addEventListener('abort', () => done(), { once: true });
  await promise;
  clearTimeout(timer);
  return !leaving.signal.aborted;
}

try {
  await new Story(world, tick).play();
} finally {
  screen?.close();
  await world.stop();
}
if (leaving.signal.aborted) print('ended by request; everything goes with its namespaces');
else if (!json) {
  if (live) for (const check of world.checks) print(checkLine(check));
  const held = world.checks.filter((c) => c.held).length;
  print(`${held} of ${world.checks.length} held, in ${Math.round(world.elapsed)} s`);
}
process.exit(holds(world) && !leaving.signal.aborted ? 0 : 1);
