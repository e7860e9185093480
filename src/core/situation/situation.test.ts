import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decideFile, decideSituation, readSituation, SituationError } from './situation.ts';

const simple = { factory: { slots: 4 }, machinetypes: { a: { target_share: 1 } } };
const problems = (json: unknown): readonly string[] => {
  try {
    readSituation(json);
  } catch (error) {
    if (error instanceof SituationError) return error.problems;
    throw error;
  }
  return [];
};
const reason = (json: unknown): string | undefined => decideSituation(json, 'vac31').reason;
const withType = (options: object) => ({ ...simple, machinetypes: { a: { target_share: 1, ...options } } });
const withFactory = (facts: object) => ({ ...simple, factory: { slots: 4, ...facts } });

test('what is missing has its default', () => {
  const { reasons: _reasons, ...decision } = decideSituation(simple, 'vac31');
  assert.deepEqual(decision, {
    action: 'create',
    machinetype: 'a',
    processors: 1,
    superslot: 'new',
    slot: 0,
    ends_in: 86_400,
    eligible_order: [{ machinetypes: ['a'], group_score: 0, score: 0 }],
    destroyed_slots: [],
  });
});

test('an unknown key is an error that names its place and what was probably meant', () => {
  assert.deepEqual(problems({ ...simple, factory: { slots: 4, load_avarage: 1 } }), ['factory.load_avarage: unknown key; did you mean load_average?']);
  assert.deepEqual(problems(withType({ taget_share: 1 })), ['machinetypes.a.taget_share: unknown key; did you mean target_share?']);
  assert.deepEqual(problems({ ...simple, local_machine: [] }), ['local_machine: unknown key; did you mean local_machines?']);
  assert.deepEqual(problems({ ...simple, local_machines: [{ slot: 0, machinetype: 'a', state: 'running', end_in: 5 }] }), [
    'local_machines[0].end_in: unknown key; did you mean ends_in?',
  ]);
  assert.match(problems({ ...simple, space: [{ factory: 'p', machinetype: 'a', zzz: 1 }] })[0] ?? '', /^space\[0\]\.zzz: unknown key; valid: factory, /);
});

test('a wrong type is an error that names place, value and what would be valid; all at once', () => {
  const wrong = problems({ ...simple, local_machines: [{ slot: -1, machinetype: 'a', state: 'on', created_ago: 'x' }] });
  assert.equal(wrong.length, 3);
  assert.match(wrong.join('\n'), /local_machines\[0\]\.state: is "on"; .*"running"\|"stopped"/);
  assert.match(wrong.join('\n'), /local_machines\[0\]\.created_ago: is "x"; expected number/);
  assert.deepEqual(problems({}), ['factory: missing; expected object, received undefined']);
  for (const json of [null, 5, 'x', []]) assert.equal(problems(json).length, 1);
});

test('other options of the configuration are accepted and change nothing', () => {
  assert.deepEqual(problems(withType({ root_image: '/x.iso', user_data_option_queue: 'test', machine_model: 'vm-raw' })), []);
  assert.deepEqual(problems(withFactory({ mb_per_processor: 4096 })), []);
});

test('a configuration that Vac refuses is a decision', () => {
  const refused = [
    withFactory({ total_processors: 8 }),
    withFactory({ total_processors: 'many' }),
    withFactory({ overload_per_processor: 'high' }),
    withFactory({ shutdown_in: 'soon' }),
    withType({ min_processors: 2 }),
    withType({ max_processors: 0 }),
    withType({ target_share: 'lots' }),
    withType({ backoff_seconds: 1.5 }),
    withType({ fizzle_seconds: true }),
    withType({ machine_model: 'xen' }),
    withType({ root_image: 'docker://x' }),
    { ...simple, machinetypes: { a_b: { target_share: 1 } } },
    { ...simple, machinetypes: { 'a.b': {} } },
  ];
  for (const json of refused) {
    const { reasons, ...decision } = decideSituation(json, 'vac31');
    assert.deepEqual(decision, { action: 'none', reason: 'configuration_refused', destroyed_slots: [] }, JSON.stringify(json));
    assert.ok(reasons.length > 0);
  }
  assert.equal(decideSituation(withType({ target_share: '1.5', min_processors: ' 1 ' }), 'vac31').action, 'create', 'texts as in a file');
});

test('draining is on for yes in any case of letters; true is yes under our rule only', () => {
  for (const word of ['yes', 'YES', 'Yes', ' yes ']) assert.equal(reason(withFactory({ draining: word })), 'draining', word);
  for (const word of ['no', 'true', true, 'on', '1', '', 'y']) assert.equal(reason(withFactory({ draining: word })), undefined, String(word));
  for (const word of ['true', 'True', true, 'yes']) assert.equal(decideSituation(withFactory({ draining: word }), 'vacua').reason, 'draining', String(word));
});

test('no eligible machinetype: none_eligible with an empty order', () => {
  const decision = decideSituation(withType({ target_share: 0 }), 'vac31');
  assert.deepEqual([decision.action, decision.reason, decision.eligible_order], ['none', 'none_eligible', []]);
  assert.equal(reason({ factory: { slots: 4 } }), 'none_eligible');
});

test('the last answer of a factory for a machinetype counts', () => {
  const space = [5, 7].map((running_hs06) => ({ factory: 'p1', machinetype: 'a', running_hs06 }));
  assert.deepEqual(decideSituation({ ...simple, space }, 'vac31').eligible_order, [{ machinetypes: ['a'], group_score: 7, score: 7 }]);
});

test('a file is answered in its order, and a case that is no situation does not spoil the others', () => {
  const { cases } = decideFile({ cases: [{ id: 'one', ...simple }, { id: 'two', machinetypes: 5 }, simple] }, 'vac31');
  assert.deepEqual(
    cases.map((c) => [c.id, 'decided' in c ? c.decided.action : c.problems.length]),
    [
      ['one', 'create'],
      ['two', 2],
      [null, 'create'],
    ],
  );
  assert.throws(() => decideFile({ cases: 5 }, 'vac31'), SituationError);
});
