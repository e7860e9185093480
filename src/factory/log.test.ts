import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, rmdirSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { unlimitedProcessors } from '../core/machinetype.ts';
import { ProviderError } from '../providers/contract.ts';
import { ago, fakeId, fakeTurn, finishedMachine, runningMachine } from './control/fake-view.ts';
import { EventBus } from './events.ts';
import { LogFile } from './log-file.ts';
import { logTo } from './log.ts';

type Line = Record<string, unknown>;

function logged(act: (bus: EventBus) => void, level?: Parameters<typeof logTo>[2]): readonly Line[] {
  const lines: Line[] = [];
  const bus = new EventBus();
  const { stop } = logTo(bus, { write: (line) => void lines.push(JSON.parse(line) as Line) }, level);
  act(bus);
  stop();
  bus.emit('closed', { why: 'nobody listens any more' });
  return lines;
}
const turn = fakeTurn([runningMachine(0, 'red-prod')]);

describe('logging', () => {
  it('every event is one line with a fixed message, a level, a time and fields', () => {
    const machine = finishedMachine(2, 'blue', '300 No more\nwork');
    assert.ok(machine.state === 'finished');
    const lines = logged((bus) => {
      bus.emit('opened', { factory: 'wn01.example.com', provider: 'sim', notes: [], version: '0.1.0' });
      bus.emit('finished', { machine, outcome: machine.outcome });
      bus.emit('failed', {
        action: { kind: 'forget', id: fakeId(2) },
        machine,
        error: new ProviderError('NO_KVM', 'no KVM', { fault: 'host', cause: new Error('denied') }),
      });
    });
    assert.deepEqual(
      lines.map(({ level, msg }) => [level, msg]),
      [
        ['info', 'factory opened'],
        ['info', 'machine finished'],
        ['warn', 'action failed'],
      ],
    );
    assert.equal(lines[1]?.['message'], '300 No more\nwork');
    assert.equal(lines[1]?.['at'], '2026-11-20T10:55:00.000Z');
    assert.equal(lines[1]?.['wall'], 6900);
    assert.deepEqual([lines[2]?.['error'], lines[2]?.['code']], ['no KVM: denied', 'NO_KVM']);
    for (const { time } of lines) assert.match(String(time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  });

  it('a cloud without a known limit has no total', () => {
    const total = (totalProcessors: number): unknown =>
      logged((bus) => bus.emit('decided', { ...turn.decision, reasons: { ...turn.decision.reasons, totalProcessors } }))[0]?.['total'];
    assert.deepEqual([total(8), total(unlimitedProcessors)], [8, undefined]);
  });

  it('an idle factory writes nothing: a decision is told when it acts or when its reasons are other ones', () => {
    const later = {
      ...turn.decision,
      at: ago(0),
      reasons: { ...turn.decision.reasons, machinetypes: turn.decision.reasons.machinetypes.map((m) => ({ ...m, score: m.score + 1 })) },
    };
    const other = { ...later, reasons: { ...later.reasons, veto: { why: 'draining' as const } } };
    const acting = { ...other, actions: [{ kind: 'forget' as const, id: fakeId(3) }] };
    const act = (bus: EventBus): void => [turn.decision, later, other, other, acting, acting].forEach((decision) => bus.emit('decided', decision));
    assert.equal(logged(act).length, 4);
    assert.equal(logged(act, 'debug').length, 6);
    assert.equal(logged(act, 'warn').length, 0);
  });

  it('credentials in URLs of errors are masked', () => {
    const [line] = logged((bus) => bus.emit('journalFault', { error: new Error('https://me:hunter2@example.org/x failed', { cause: 'http://tok@h/' }) }));
    assert.equal(line?.['error'], 'https://***@example.org/x failed: http://***@h/');
  });

  it('a chain of causes that never ends is cut', () => {
    const error = new Error('round');
    error.cause = error;
    const [line] = logged((bus) => bus.emit('journalFault', { error }));
    assert.equal(line?.['error'], 'round: round: round: round: round');
  });
});

function inDirectory(use: (path: string) => void): void {
  const directory = mkdtempSync(join(tmpdir(), 'log-file-'));
  try {
    use(join(directory, 'factory.log'));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
const read = (path: string): string => readFileSync(path, 'utf8');

describe('the log file', () => {
  it('is readable by its owner alone and appended to', () => {
    inDirectory((path) => {
      writeFileSync(path, 'before\n', { mode: 0o600 });
      using file = new LogFile(path);
      file.write('after\n');
      assert.equal(read(path), 'before\nafter\n');
      assert.equal(statSync(path).mode & 0o777, 0o600);
    });
  });

  it('rotates before it is longer than allowed, and keeps so many old files', () => {
    inDirectory((path) => {
      using file = new LogFile(path, { maxBytes: 8, keep: 2 });
      for (const line of ['aaa\n', 'bbb\n', 'ccc\n', 'longer than allowed\n', 'ddd\n']) file.write(line);
      assert.equal(read(path), 'ddd\n');
      assert.equal(read(`${path}.1`), 'longer than allowed\n');
      assert.equal(read(`${path}.2`), 'ccc\n');
      assert.ok(!existsSync(`${path}.3`));
    });
  });

  it('follows when another program has rotated or removed it', () => {
    inDirectory((path) => {
      using file = new LogFile(path);
      file.write('one\n');
      renameSync(path, `${path}.old`);
      file.write('two\n');
      rmSync(path);
      file.write('three\n');
      assert.equal(read(`${path}.old`), 'one\n');
      assert.equal(read(path), 'three\n');
    });
  });

  it('that cannot be written loses lines, counts them, and says so when it can', () => {
    inDirectory((path) => {
      mkdirSync(path);
      using file = new LogFile(path);
      file.write('lost\n');
      file.write('lost\n');
      rmdirSync(path);
      file.write('kept\n');
      appendFileSync(path, '');
      const [count, kept] = read(path).trim().split('\n');
      assert.deepEqual(
        Object.entries(JSON.parse(count ?? '') as Line).filter(([key]) => key !== 'time'),
        [
          ['level', 'warn'],
          ['lines', 2],
          ['msg', 'log lines lost'],
        ],
      );
      assert.equal(kept, 'kept');
    });
  });
});
