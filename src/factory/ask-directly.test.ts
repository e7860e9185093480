import assert from 'node:assert/strict';
import { it } from 'node:test';
import { fakeAnswer } from '../core/space/fake-answers.ts';
import { askDirectly, type DirectQuestion } from './ask-directly.ts';
import { FakeSpace } from './fake-space.ts';

const question = (space: FakeSpace, more: Partial<DirectQuestion> = {}): DirectQuestion => ({
  kind: 'factories',
  space: 'vac01.example.com',
  factories: space.factories,
  port: space.port,
  within: 5,
  keys: [],
  acceptUnsignedFrom: [],
  ...more,
});
const forEver = new AbortController().signal;

it('hundreds of factories answer every kind of question', async () => {
  await using space = await FakeSpace.open({ count: 300 });
  for (const kind of ['factories', 'machinetypes', 'machines'] as const) {
    const { answers, addresses } = await askDirectly(question(space, { kind }), forEver);
    assert.equal(answers.length, 300);
    assert.deepEqual(
      answers.filter((a) => a.answered !== 'complete').map((a) => a.factory),
      [],
      kind,
    );
    const [first] = answers;
    assert.equal(first?.factory, space.factories[0]);
    assert.equal(first?.machines.length, kind === 'machines' ? 4 : 0);
    assert.equal(first?.machinetypes.length, kind === 'machinetypes' ? 2 : 0);
    assert.equal(first?.factoryFacts?.maxProcessors, kind === 'factories' ? 8 : undefined);
    assert.equal(addresses.get('127.17.1.2'), '127.17.1.2');
  }
});

it('the silent have an entry, and so have names that do not resolve, with the cause', async () => {
  await using space = await FakeSpace.open({ count: 3, answer: (factory, i) => fakeAnswer(factory, i === 1 ? 'silent' : 'complete') });
  const lookup = (name: string): Promise<string> => {
    if (name === 'slow.example.com') return new Promise(() => undefined);
    return name === 'wn01.example.com' ? Promise.resolve('127.17.0.1') : Promise.reject(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }));
  };
  const names = ['none.example.com', 'slow.example.com', 'wn01.example.com'];
  const { answers, unresolved, addresses } = await askDirectly(question(space, { factories: [...space.factories, ...names], within: 0.3 }), forEver, lookup);
  assert.deepEqual(
    answers.map((a) => a.answered),
    ['complete', 'silent', 'complete', 'silent', 'silent', 'silent'],
  );
  assert.deepEqual(
    [...unresolved],
    [
      ['none.example.com', 'its name does not resolve (ENOTFOUND)'],
      ['slow.example.com', 'the name server has not answered'],
    ],
  );
  assert.equal(addresses.get('wn01.example.com'), '127.17.0.1');
});

it('first answers may be lost; forged cookies, other names and garbage are not believed', async () => {
  const seen = new Map<number, number>();
  await using space = await FakeSpace.open({
    count: 40,
    disturb: (payload, i) => {
      const times = (seen.get(i) ?? 0) + 1;
      seen.set(i, times);
      if (i % 4 === 0) return times === 1 ? [] : [payload];
      const text = new TextDecoder().decode(payload);
      if (i % 4 === 1) return [new TextEncoder().encode(text.replace(/"cookie": "[0-9a-f]{8}/, '"cookie": "00000000')), payload];
      if (i % 4 === 2) return [new TextEncoder().encode('12'), new Uint8Array([0xff, 0x7b]), payload];
      return [new TextEncoder().encode(text.replaceAll('127.17', '127.18'))];
    },
  });
  const { answers, rejected } = await askDirectly(question(space, { within: 1 }), forEver);
  assert.equal(answers.filter((a) => a.answered === 'complete').length, 30);
  assert.ok(answers.every((a, i) => (a.answered === 'silent') === (i % 4 === 3)));
  assert.ok(rejected.unasked >= 10 && rejected.misnamed >= 10 && rejected.garbled >= 20, JSON.stringify(rejected));
});

it('an abort ends it at once with what is there', async () => {
  await using space = await FakeSpace.open({ count: 2, answer: (factory) => fakeAnswer(factory, 'silent') });
  const controller = new AbortController();
  const asked = askDirectly(question(space, { within: 60 }), controller.signal);
  controller.abort();
  assert.deepEqual(
    (await asked).answers.map((a) => a.answered),
    ['silent', 'silent'],
  );
});
