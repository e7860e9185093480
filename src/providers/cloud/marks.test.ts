import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { instant, machineId } from '../../core/units.ts';
import { identityOf, markMetadata, markTag, readMarks } from './marks.ts';

const [a, b] = [machineId('0f9c1f0e-5f1e-4b62-9c3f-111111111111'), machineId('0f9c1f0e-5f1e-4b62-9c3f-222222222222')];
const space = 's1.example.com';
const facts = { id: a, space, manager: 'm', machinetype: 'prod', name: 'vacua-prod-x', processors: 4, createdAt: instant(1000), shutdownTime: instant(9000) };
const metadata = markMetadata(facts);

describe('marks', () => {
  it('what is written is read again', () => {
    const { id: _, space: __, ...marks } = facts;
    assert.deepEqual(readMarks(metadata), marks);
    assert.ok(markTag('x'.repeat(200), a).length <= 60);
  });

  const cases: readonly (readonly [string, Parameters<typeof identityOf>[1], string])[] = [
    ['all labels agree', { name: facts.name, metadata, tags: [markTag(space, a)] }, `${a} agreed`],
    ['no tags at this cloud', { name: facts.name, metadata }, `${a} agreed`],
    ['a name that looks like ours', { name: facts.name, metadata: {}, tags: [] }, 'foreign'],
    ['another space', { name: facts.name, metadata: markMetadata({ ...facts, space: 'other' }), tags: [markTag('other', a)] }, 'foreign'],
    ['metadata removed', { name: facts.name, metadata: {}, tags: [markTag(space, a)] }, a],
    ['tag removed', { name: facts.name, metadata, tags: [] }, a],
    ['renamed', { name: 'mine', metadata, tags: [markTag(space, a)] }, a],
    ['metadata edited to another machine', { name: facts.name, metadata: { ...metadata, vacua_id: b }, tags: [markTag(space, a)] }, a],
    ['two tags, metadata decides', { name: facts.name, metadata, tags: [markTag(space, b), markTag(space, a)] }, a],
    ['an id that is none', { name: facts.name, metadata: { ...metadata, vacua_id: '../../etc' }, tags: ['vacua:x'] }, 'foreign'],
    ['metadata of another type', { name: facts.name, metadata: { ...metadata, vacua_id: 7 }, tags: [] }, 'foreign'],
  ];
  for (const [name, labels, expected] of cases) {
    it(`${name}: ${expected}`, () => {
      const who = identityOf(space, labels);
      assert.equal(who === undefined ? 'foreign' : `${who.id}${who.agreed ? ' agreed' : ''}`, expected);
    });
  }

  it('labels that anybody may have written never throw, and what is read of them is sane', () => {
    const value = fc.oneof(fc.string(), fc.integer(), fc.constant(null), fc.constantFrom(...Object.values(metadata)));
    const some = fc.record(Object.fromEntries(Object.keys(metadata).map((k) => [k, value])), { requiredKeys: [] });
    fc.assert(
      fc.property(some, fc.array(fc.oneof(fc.string(), fc.constant(markTag(space, a)))), (labels, tags) => {
        identityOf(space, { name: 'x', metadata: labels, tags });
        const read = readMarks(labels);
        if (read !== undefined)
          assert.ok(read.processors >= 1 && Number.isSafeInteger(read.createdAt) && !/\p{C}/u.test(read.name + read.manager + read.machinetype));
      }),
      { numRuns: 300 },
    );
  });
});
