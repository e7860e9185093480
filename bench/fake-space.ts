import { fakeAnswer } from '../src/core/space/fake-answers.ts';
import { FakeSpace } from '../src/factory/fake-space.ts';

/** In a process of its own: `count` factories of which every hundredth is dead, and 1 % of all answers is lost. Says port and names, ends with its input. */
const count = Number(process.argv[2]);
let answers = 0;
await using space = await FakeSpace.open({
  count,
  answer: (factory, i) => fakeAnswer(factory, i % 100 === 50 ? 'silent' : 'complete'),
  disturb: (payload) => (++answers % 100 === 0 ? [] : [payload]),
});
console.log(JSON.stringify({ port: space.port, factories: space.factories }));
await new Promise((resolve) => process.stdin.resume().once('end', resolve));
