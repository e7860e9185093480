import assert from 'node:assert/strict';
import { it } from 'node:test';
import { fakeId, finishedMachine, runningMachine, ago } from '../factory/control/fake-view.ts';
import { CliError } from './context.ts';
import { findMachine } from './find-machine.ts';

const live = runningMachine(7, 'red');
const older = finishedMachine(7, 'blue', '200 Done', { id: fakeId(8), createdAt: ago(90_000) });
const ended = [finishedMachine(3, 'red', '200 Done', { createdAt: ago(500) }), finishedMachine(3, 'red', '300 No', { id: fakeId(4), createdAt: ago(400) })];
const machines = [older, live, ...ended];
const refused = (pattern: RegExp) => (e: unknown) => e instanceof CliError && e.exitCode === 2 && pattern.test(`${e.message}\n${e.next}`);

it('finds by full name, by name without domain, by id and by its beginning', () => {
  for (const wanted of ['wn01-07.example.com', 'wn01-07', 'WN01-07', live.id, live.id.slice(0, 8)]) assert.equal(findMachine(machines, wanted), live);
});

it('takes the live machine of a slot, else the one created last', () => {
  assert.equal(findMachine(machines, 'wn01-07'), live);
  assert.equal(findMachine(machines, 'wn01-03'), ended[1]);
  assert.equal(findMachine(machines, older.id), older);
});

it('lists candidates when an id prefix is ambiguous, too short, or nothing fits', () => {
  assert.throws(() => findMachine(machines, '0000000'), refused(/may mean 4 machines[^]*wn01-07\.example\.com/));
  assert.throws(() => findMachine(machines, '000'), refused(/no machine "000"/));
  assert.throws(() => findMachine(machines, 'wn9\x1b[2J'), refused(/no machine "wn9\\x1b\[2J"[^]*wn01-03/));
  assert.throws(() => findMachine([], 'wn01-00'), refused(/has no machines/));
});

it('the same label in two domains is ambiguous', () => {
  assert.throws(() => findMachine([live, { ...live, id: fakeId(9), name: 'wn01-07.example.org' }], 'wn01-07'), refused(/may mean 2 machines/));
});
