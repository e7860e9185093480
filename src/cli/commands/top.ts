import { setTimeout as pause } from 'node:timers/promises';
import { InvalidArgumentError, type Command } from 'commander';
import { Screen } from '../../demo/screen.ts';
import { ControlError } from '../../factory/control/control-error.ts';
import { CliError, type CliContext, type LiveTerminal, print } from '../context.ts';
import { withSpaceOptions } from '../space-options.ts';
import { isPlain, localSpaces } from '../spaces.ts';
import { spaceShares } from '../space-shares.ts';
import { silentOf } from '../space-silence.ts';
import { askSpace, type SpaceOptions } from '../space-source.ts';
import { firstTop, keysIn, pageOf, pressed, type TopFacts, type TopState, topView } from '../views/top.ts';

/** Seconds between two looks: each asks every factory. */
const usualInterval = 5;

export function register(program: Command, context: CliContext): void {
  withSpaceOptions(
    program
      .command('top')
      .description(
        'Show the whole space live: shares and factories, sorted by a key. Tab goes to the next space of this daemon, q ends it. Without a terminal it prints one frame.',
      ),
  )
    .option('-i, --interval <seconds>', 'time between two looks', interval, usualInterval)
    .action(async (options: SpaceOptions & { interval: number }) => {
      const { live } = context;
      if (live !== undefined) return show(context, live, options);
      const size = { rows: Number.POSITIVE_INFINITY, columns: context.width };
      for (const [i, about] of (await turns(context, options)).entries()) {
        if (i > 0) print(context.stdout);
        const facts = await look(context, about);
        for (const line of topView({ ...firstTop, facts }, size, context.colour)) print(context.stdout, line);
      }
    });
}

/** The options for each space of the daemon here that is served; as they are where there is but one. */
async function turns(context: CliContext, options: SpaceOptions): Promise<readonly SpaceOptions[]> {
  const all = options.space === undefined && options.port === undefined ? await localSpaces(context) : undefined;
  const served = all?.filter(({ status }) => status !== undefined) ?? [];
  return all === undefined || isPlain(all) || served.length === 0 ? [options] : served.map(({ space }) => ({ ...options, space }));
}

async function look(context: CliContext, options: SpaceOptions): Promise<TopFacts> {
  const [space, shares] = await Promise.all([askSpace(context, 'factories', [], options), spaceShares(context, options)]);
  return { at: context.now(), space, shares, silent: await silentOf(context, space) };
}

/** Until a key, a signal or a failure ends it; the terminal is given back in every case. */
async function show(context: CliContext, live: LiveTerminal, options: SpaceOptions & { interval: number }): Promise<void> {
  const screen = new Screen(live.stream);
  const ending = new AbortController();
  const signal = AbortSignal.any([context.signal, ending.signal]);
  // Getters of the context stay what they are; only what ends a question is added.
  const asking: CliContext = Object.create(context, { signal: { value: signal } }) as CliContext;
  let state: TopState = firstTop;
  // Tab goes through the spaces of the daemon; a look under way is for the one before.
  let shown = 0;
  let next = new AbortController();
  // One column is left free: at the edge, erasing the rest of a line would erase its last character.
  const draw = (): void => screen.draw(topView(state, { rows: screen.height, columns: Math.max(1, screen.width - 1) }, context.colour));
  const releases = [
    live.onKey((chunk) => {
      for (const key of keysIn(chunk)) {
        if (key === '\t') {
          shown += 1;
          state = { ...state, offset: 0 };
          next.abort();
          continue;
        }
        const after = pressed(state, key, pageOf(screen.height));
        if (after === 'quit') return ending.abort();
        state = after;
      }
      draw();
    }),
    live.onResize(draw),
    live.onExit(() => screen.close()),
  ];
  try {
    draw();
    while (!signal.aborted) {
      if (next.signal.aborted) next = new AbortController();
      const looked = await Promise.race([looking(asking, options, shown), aborted(signal)]);
      if (signal.aborted) break;
      const { problem: _solved, ...rest } = state;
      state = { ...rest, ...looked };
      draw();
      await pause(options.interval * 1000, undefined, { signal: AbortSignal.any([signal, next.signal]) }).catch(() => undefined); // an abort is the end that was asked for
    }
  } finally {
    screen.close();
    for (const release of releases) release();
  }
}

/** A factory that is being restarted is no reason to end: what was seen last stays on the screen. */
async function looking(context: CliContext, options: SpaceOptions, shown: number): Promise<Pick<TopState, 'facts' | 'problem'>> {
  try {
    const all = await turns(context, options);
    return { facts: await look(context, all[shown % all.length] ?? options) };
  } catch (error) {
    if (error instanceof CliError || error instanceof ControlError) return { problem: error.message };
    throw error;
  }
}

const aborted = (signal: AbortSignal): Promise<Record<string, never>> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve({});
    else signal.addEventListener('abort', () => resolve({}), { once: true });
  });

function interval(text: string): number {
  const seconds = /^\d{1,4}(\.\d)?$/.test(text) ? Number(text) : 0;
  if (seconds < 0.5) throw new InvalidArgumentError('It must be seconds, at least 0.5.');
  return seconds;
}
