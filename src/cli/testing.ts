import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeView, fakeNow } from '../factory/control/fake-view.ts';
import { ControlServer } from '../factory/control/server.ts';
import { loneFactory } from '../factory/site-view.ts';
import { EventBus } from '../factory/events.ts';
import { layout } from '../factory/layout.ts';
import type { ExitCode } from './context.ts';
import { runCli, type Surroundings } from './program.ts';

export interface Transcript {
  readonly code: ExitCode;
  readonly out: string;
  readonly err: string;
}

/** Runs one command line in this process. `change`: what differs from a pipe of 100 columns without a terminal. */
export async function vacua(stateDir: string, argv: readonly string[], change: Partial<Surroundings> = {}): Promise<Transcript> {
  let out = '';
  let err = '';
  const text = (chunk: string | Uint8Array): string => (typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('latin1'));
  const code = await runCli(argv, {
    stdout: { write: (chunk) => (out += text(chunk)) },
    stderr: { write: (chunk) => (err += text(chunk)) },
    isTerminal: false,
    width: 100,
    colour: false,
    signal: new AbortController().signal,
    now: () => fakeNow,
    uid: 1000,
    home: '/home/nobody',
    env: { VACUA_STATE_DIR: stateDir },
    ...change,
  });
  return { code, out, err };
}

/** A scripted factory behind a real control socket. */
export interface TestFactory {
  readonly view: FakeView;
  readonly stateDir: string;
  run(...argv: string[]): Promise<Transcript>;
  runWith(change: Partial<Surroundings>, ...argv: string[]): Promise<Transcript>;
}

export async function withFactory(use: (factory: TestFactory) => Promise<void>): Promise<void> {
  const stateDir = mkdtempSync(join(tmpdir(), 'vacua-cli-'));
  try {
    const view = new FakeView(stateDir);
    await using server = new ControlServer({
      site: loneFactory(view, new EventBus()),
      socketPath: layout(stateDir).control,
      log: { warn: () => undefined },
      now: () => fakeNow,
    });
    await server.listen();
    await use({
      view,
      stateDir,
      run: (...argv) => vacua(stateDir, argv),
      runWith: (change, ...argv) => vacua(stateDir, argv, change),
    });
  } finally {
    rmSync(stateDir, { recursive: true, force: true });
  }
}
