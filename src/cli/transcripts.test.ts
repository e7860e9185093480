import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { fakeId, fakeTurn, finishedMachine, runningMachine, ago } from '../factory/control/fake-view.ts';
import { layout } from '../factory/layout.ts';
import type { Surroundings } from './program.ts';
import { type TestFactory, vacua, withFactory } from './testing.ts';

process.env['TZ'] = 'UTC';

/** `VACUA_REWRITE=1` writes what the commands print now; read the difference before committing it. */
const rewrite = process.env['VACUA_REWRITE'] === '1';
const file = join(import.meta.dirname, 'testdata', 'commands.txt');

interface Scene {
  readonly change?: Partial<Surroundings>;
  prepare?(factory: TestFactory): void;
}

function store({ stateDir }: TestFactory, name: string, content: string): void {
  const directory = layout(stateDir).joboutputs(fakeId(0));
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, name), content);
  utimesSync(join(directory, name), ago(60) / 1000, ago(60) / 1000);
}

const logLines = [
  { level: 'info', time: '2026-11-20T10:00:00.000Z', factory: 'wn01.example.com', msg: 'factory opened' },
  {
    level: 'warn',
    time: '2026-11-20T10:01:00.000Z',
    action: 'create',
    machine: 'wn01-00.example.com',
    id: fakeId(0),
    error: 'no \x1b[2J "space"',
    msg: 'action failed',
  },
  { level: 'info', time: '2026-11-20T10:02:00.000Z', actions: [{ action: 'destroy', id: fakeId(1), why: 'wallclock' }], msg: 'decided' },
];

const scenes: Readonly<Record<string, Scene>> = {
  'an ordinary factory': {
    prepare(factory) {
      factory.view.consoles.set(fakeId(0), Buffer.from('\x1b[32mBooting\x1b[0m\r\nlogin: \x07'));
      store(factory, 'stdout.log', 'done \x1b]0;owned\x07\n');
      writeFileSync(layout(factory.stateDir).log, `${logLines.map((line) => JSON.stringify(line)).join('\n')}\n{"cut`);
    },
  },
  'a narrow terminal with colours': { change: { width: 60, isTerminal: true, colour: true } },
  'hostile names and messages': {
    prepare({ view }) {
      view.records = [
        { ...runningMachine(0, 'red\x1b[31m\n'), name: 'wn\u202e01-00.example.com', message: { text: '200 \x9b2J \u2066', at: ago(1) } },
        finishedMachine(1, 'blue', `300 ${'x'.repeat(300)}\x1b]52;c;AAAA\x07`),
      ];
      view.turn = fakeTurn(view.records);
      const evil = '\x1b]52;c;AAAA\x07\u202e';
      view.neighbours = [
        { factory: `wn03${evil}`, address: evil, heardAt: ago(1), machinetypes: [] },
        { factory: `wn04${evil}`, silentSince: ago(60), why: evil, machinetypes: [] },
      ];
      view.ignored = { [evil]: 7 };
      const answered = view.answer;
      view.answer = (factory) => {
        const { machines, machinetypes, ...answer } = answered(factory);
        const text = { shutdownMessage: `300 ${evil}` };
        return {
          ...answer,
          version: evil,
          machines: machines.map((m) => ({ ...m, ...text, machine: m.machine + evil })),
          machinetypes: machinetypes.map((t) => ({ ...t, ...text })),
        };
      };
    },
  },
  'a sick factory': {
    prepare({ view }) {
      view.change = { startedAt: ago(100), journalFault: 'no space left on device', draining: true };
      view.turn = undefined;
    },
  },
  'a configuration with problems': {
    prepare({ view }) {
      view.problems = [
        {
          severity: 'error',
          file: '/etc/vac.conf',
          line: 7,
          column: 1,
          option: 'target_share',
          text: '"x" is not a number',
          disables: { kind: 'machinetype', name: 'red' },
        },
      ];
    },
  },
  'no factory': {},
};

async function played(scene: Scene, name: string, commands: readonly string[]): Promise<string> {
  const parts: string[] = [];
  const show = (command: string, { code, out, err }: Awaited<ReturnType<typeof vacua>>, stateDir: string): void => {
    const errors = err === '' ? '' : err.replaceAll(/^(?=.)/gm, '! ');
    parts.push(
      `$ vacua ${command}\n${`${out}${errors}`.replaceAll(stateDir, 'STATE').replaceAll('\x1b', '<ESC>').replaceAll('\x07', '<BEL>').replace(/\n?$/, '\n')}[${code}]\n`,
    );
  };
  if (name === 'no factory') {
    const stateDir = mkdtempSync(join(tmpdir(), 'vacua-cli-'));
    for (const command of commands) show(command, await vacua(stateDir, command.split(' ')), stateDir);
    rmSync(stateDir, { recursive: true });
  } else {
    await withFactory(async (factory) => {
      scene.prepare?.(factory);
      for (const command of commands) show(command, await factory.runWith(scene.change ?? {}, ...command.split(' ')), factory.stateDir);
    });
  }
  return parts.join('\n');
}

const text = readFileSync(file, 'utf8');
const sections = text.split(/^# /m).slice(1);
const now: string[] = [];
for (const section of sections) {
  const [name = '', ...rest] = section.split('\n');
  it(`commands print what testdata/commands.txt says: ${name}`, async () => {
    const scene = scenes[name];
    assert.ok(scene !== undefined, `no scene "${name}"; there are: ${Object.keys(scenes).join(', ')}`);
    const expected = rest.join('\n').trim();
    const commands = [...expected.matchAll(/^\$ vacua (.*)$/gm)].map(([, command]) => command ?? '');
    const actual = (await played(scene, name, commands)).trim();
    now.push(`# ${name}\n\n${actual}\n`);
    if (rewrite) writeFileSync(file, `${text.split(/^# /m)[0]}${now.join('\n')}`);
    else assert.equal(actual, expected);
  });
}
