import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KillReason } from './machine.ts';
import { abortCode, type Ending, messageNumber, outcomeOf, publishedMessage } from './outcome.ts';
import { instant, later, seconds } from './units.ts';

const start = instant(1_900_000_000_000);
const end = (more: Partial<Ending> = {}): Ending => ({ cause: 'power-off', startedAt: start, heartbeatAt: later(start, 5000), fizzle: seconds(600), ...more });
const said = (text: string) => ({ message: { text, at: later(start, 4990) } });

test('the first three characters are read as Python 2 reads an integer', () => {
  const table: [string, number | undefined][] = [
    ['300 No work', 300],
    ['300', 300],
    ['299 x', 299],
    ['3', 3],
    ['30', 30],
    [' 30', 30],
    ['30 x', 30],
    ['+30', 30],
    ['+300', 30],
    ['-30', -30],
    ['999', 999],
    ['9999', 999],
    ['0300', 30],
    ['3\n', 3],
    ['  3', 3],
    ['3 0', undefined],
    ['abc', undefined],
    ['30x', undefined],
    ['1e3', undefined],
    ['3.0', undefined],
    ['3_0', undefined],
    ['0x1', undefined],
    ['', undefined],
    ['   ', undefined],
    ['+', undefined],
  ];
  for (const [message, number] of table) assert.equal(messageNumber(message), number, JSON.stringify(message));
});

test('"any message whose first three characters read as an integer ≥ 300, without upper limit"', () => {
  for (const message of ['300', '300 No work', '501 disk', '700', '999 x', '8000']) assert.ok(abortCode(message) !== undefined, message);
  for (const message of ['299 x', '100', '+300', ' 300', 'abc', '', '-300', '3']) assert.equal(abortCode(message), undefined, message);
});

test('own messages are published as their first line, trimmed', () => {
  assert.equal(publishedMessage(' 300 No work \nmore'), '300 No work');
  assert.equal(publishedMessage('\n300 below'), undefined);
  assert.equal(publishedMessage('  '), undefined);
  assert.equal(publishedMessage(undefined), undefined);
});

test('the machine’s own number decides, with the time of its message', () => {
  assert.deepEqual(outcomeOf(end(said('501 no disk'))), { code: 501, message: '501 no disk', at: later(start, 4990), cause: 'power-off', abort: true });
  assert.equal(outcomeOf(end({ ...said('200 done'), heartbeatAt: later(start, 5) })).abort, false, 'a short run with a number is no fizzle');
  assert.equal(outcomeOf(end({ ...said('300 No work'), killReason: 'wallclock' })).abort, true);
  assert.deepEqual(outcomeOf(end(said('30 x'))), { message: '30 x', at: later(start, 4990), cause: 'power-off', abort: false }, 'a number that is no code');
});

test('"no message: if (last heartbeat - start) < fizzle_seconds, the end counts as an abort with code 300 at the time of the last heartbeat"', () => {
  const at = later(start, 599);
  assert.deepEqual(outcomeOf(end({ heartbeatAt: at })), { code: 300, message: '300 Fizzle after 599 seconds', cause: 'power-off', abort: true, at });
  assert.equal(outcomeOf(end({ heartbeatAt: later(start, 600) })).abort, false);
  assert.equal(outcomeOf(end({ ...said('abc'), heartbeatAt: at })).code, 300, 'a text without a number is no code');
  assert.equal(outcomeOf(end({ heartbeatAt: at, fizzle: seconds(0) })).abort, false);
  assert.equal(outcomeOf(end({ startedAt: undefined, heartbeatAt: undefined, killReason: 'creation-failed' })).abort, false, 'never started');
});

test('"killing at the end of the wallclock leaves no message and is not an abort", nor is the will of a person or of the site', () => {
  for (const killReason of ['wallclock', 'shutdown-time', 'person'] satisfies KillReason[]) {
    assert.deepEqual(outcomeOf(end({ killReason, heartbeatAt: later(start, 5) })), { cause: 'power-off', killReason, abort: false });
  }
  assert.equal(outcomeOf(end({ killReason: 'paused', heartbeatAt: later(start, 5) })).abort, true);
});

test('the text of a heartbeat kill is written only if the machine left none', () => {
  const killedAt = later(start, 5000);
  const kill = { killReason: 'heartbeat-old', killedAt } as const;
  assert.deepEqual(outcomeOf(end(kill)), {
    code: 700,
    message: '700 Heartbeat file not updated',
    cause: 'power-off',
    killReason: 'heartbeat-old',
    abort: true,
    at: killedAt,
  });
  assert.equal(outcomeOf(end({ ...kill, ...said('  ') })).code, 700, 'a blank one is none');
  assert.deepEqual(outcomeOf(end({ ...kill, ...said('200 done') })).code, 200);
  assert.equal(outcomeOf(end({ ...kill, ...said('abc') })).message, 'abc');
});
