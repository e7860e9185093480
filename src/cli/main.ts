import { homedir } from 'node:os';
import { instant } from '../core/units.ts';
import type { LiveTerminal } from './context.ts';
import { runCli } from './program.ts';

let interrupted: AbortController | undefined;
// A reader that has seen enough, such as `head`, is no error, nor is a terminal that was closed. Commands that have something to
// clean up are asked to end, as by Ctrl-C.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
    if (interrupted === undefined) process.exit();
    interrupted.abort();
  });
}

/** Taken over from Node only for commands that ask, so that Ctrl-C ends all others at once. A second one ends those too. */
function interruption(): AbortSignal {
  if (interrupted !== undefined) return interrupted.signal;
  const controller = new AbortController();
  interrupted = controller;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => controller.abort());
  return controller.signal;
}

const live: LiveTerminal = {
  stream: process.stdout,
  onKey(listener) {
    const { stdin } = process;
    const heard = (chunk: Buffer): void => listener(chunk.toString('utf8'));
    stdin.setRawMode(true);
    stdin.on('data', heard);
    return () => {
      stdin.off('data', heard);
      stdin.setRawMode(false);
      stdin.pause();
    };
  },
  onResize(listener) {
    process.stdout.on('resize', listener);
    return () => process.stdout.off('resize', listener);
  },
  onExit(listener) {
    process.once('exit', listener);
    return () => process.off('exit', listener);
  },
};

const isTerminal = process.stdout.isTTY;
process.exitCode = await runCli(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  isTerminal,
  width: isTerminal ? process.stdout.columns || 80 : Number.MAX_SAFE_INTEGER,
  colour: isTerminal && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb',
  live: isTerminal && process.stdin.isTTY ? live : undefined,
  get signal() {
    return interruption();
  },
  now: () => instant(Date.now()),
  uid: process.getuid?.() ?? 0,
  home: homedir(),
  env: process.env,
});
