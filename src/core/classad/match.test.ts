import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { later } from '../units.ts';
import {
  type Ad,
  adOf,
  type Candidate,
  conjuncts,
  failedTerm,
  match,
  matches,
  ParseError,
  type PlainAd,
  parseAd,
  printExpression,
  printValue,
  rank,
  withBrokerDefaults,
} from './classad.ts';
import { fuzzyWeights } from './match.ts';
import { anyAd, expressionOfText, now } from './testing.ts';

function ad(text: string): Ad {
  const parsed = parseAd(text);
  assert.ok(!(parsed instanceof ParseError), String(parsed));
  return parsed;
}
/** Numbers from 0 to 1 that repeat with the seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
const site = (name: string, about: PlainAd = {}): Candidate => ({ name, ad: adOf({ GlueCEStateStatus: 'Production', ...about }) });
const named = (list: readonly { readonly name: string }[]): string[] => list.map((m) => m.name);

test('two ads match when the requirements of both are true, whichever stands first', () => {
  const table: readonly (readonly [string, string, boolean])[] = [
    ['[]', '[]', true],
    ['[Requirements = other.x > 1]', '[x = 2]', true],
    ['[Requirements = other.x > 1]', '[x = 2; Requirements = other.y]', false],
    ['[y = 1.5; Requirements = other.x > 1]', '[x = 2; Requirements = other.y]', true],
    ['[Requirements = "true"]', '[]', false],
    ['[Requirements = error]', '[]', false],
    ['[Requirements = other.x]', '[]', false],
    ['[Requirements = 0]', '[]', false],
    ['[Requirements = other.Requirements]', '[Requirements = other.Requirements]', false],
  ];
  for (const [left, right, expected] of table) {
    assert.equal(matches(ad(left), ad(right), now), expected, `${left} ${right}`);
    assert.equal(matches(ad(right), ad(left), now), expected, `${right} ${left}`);
  }
  fc.assert(fc.property(anyAd, anyAd, (a, b) => assert.equal(matches(a, b, now), matches(b, a, now))));
});

test('a rank that is no number is the lowest, a boolean counts 0 or 1', () => {
  const ranks: readonly (readonly [string, number])[] = [
    ['[Rank = other.x * 2]', 14],
    ['[Rank = true]', 1],
    ['[Rank = "9"]', Number.NEGATIVE_INFINITY],
    ['[Rank = other.y]', Number.NEGATIVE_INFINITY],
    ['[Rank = real("NaN")]', Number.NEGATIVE_INFINITY],
    ['[]', Number.NEGATIVE_INFINITY],
  ];
  for (const [text, expected] of ranks) assert.equal(rank(ad(text), adOf({ x: 7 }), now), expected, text);
});

test('conjuncts are the terms that && joins outside, through brackets', () => {
  const terms = (text: string): string[] => conjuncts(expressionOfText(text)).map(printExpression);
  assert.deepEqual(terms('a && (b && c) && d || e'), ['a && (b && c) && d || e']);
  assert.deepEqual(terms('a && (b && (c || d)) && !(e && f)'), ['a', 'b', 'c || d', '!(e && f)']);
});

test('for every rejected ad the first term that is not true is told', () => {
  const job = ad('[ VirtualOrganisation = "lhcb"; Requirements = Member("VM-b", other.Tags) && (other.Cpus >= 4 && other.Memory > 1000) ]');
  const result = match(
    job,
    [
      site('good', { Tags: ['vm-B'], Cpus: 4, Memory: 2000 }),
      site('small', { Tags: ['VM-b'], Cpus: 2, Memory: 2000 }),
      site('silent', { Cpus: 4 }),
      site('blank', { Tags: ['VM-b'], Cpus: 4 }),
      site('closed', { GlueCEAccessControlBaseRule: ['VO:atlas', 'VOMS:/cms/Role=production'], Tags: ['VM-b'] }),
      { ...site('old', { Tags: ['VM-b'], Cpus: 4, Memory: 2000 }), expiresAt: now },
      { ...site('still', { Tags: ['VM-b'], Cpus: 4, Memory: 2000 }), expiresAt: later(now, 1) },
      { name: 'choosy', ad: ad('[ Tags = {"VM-b"}; Cpus = 8; Memory = 1G; Requirements = other.VirtualOrganisation == "atlas" ]') },
      site('used', { Tags: ['VM-b'], Cpus: 4, Memory: 2000 }),
    ],
    { now, random: () => 0.5, tried: new Set(['used']) },
  );
  assert.deepEqual(named(result.matches), ['good', 'still']);
  const told = result.rejected.map(({ name, rejection: r }) => [name, r.why === 'requirements' ? `${r.side}: ${r.term} is ${printValue(r.value)}` : r.why]);
  assert.deepEqual(told, [
    ['small', 'job: other.Cpus >= 4 is false'],
    ['silent', 'job: Member("VM-b", other.Tags) is undefined'],
    ['blank', 'job: other.Memory > 1000 is undefined'],
    ['closed', 'access'],
    ['old', 'expired'],
    ['choosy', 'candidate: other.VirtualOrganisation == "atlas" is false'],
    ['used', 'tried'],
  ]);
  const again = match(job, [site('used', { Tags: ['VM-b'], Cpus: 4, Memory: 2000 })], { now, random: () => 0.5, tried: new Set(['used']) });
  assert.deepEqual(named(again.matches), ['used'], 'nothing else is left');
});

test('a failed term is there exactly when the whole is not true', () => {
  const term = fc.constantFrom('true', 'false', 'undefined', 'error', '1', '"a"', 'other.x', 'other.x > 3');
  fc.assert(
    fc.property(fc.array(term, { minLength: 1, maxLength: 4 }), fc.integer({ min: 0, max: 6 }), (terms, x) => {
      const about = { other: adOf({ x }), now };
      const failed = failedTerm(expressionOfText(terms.join(' && ')), about);
      const first = terms.find((t) => failedTerm(expressionOfText(t), about) !== undefined);
      assert.equal(failed?.text, first);
    }),
  );
});

test('the best rank comes first, equals in any order', () => {
  const job = ad('[Rank = other.r]');
  const sites = [site('low', { r: 1 }), site('a', { r: 5 }), site('none'), site('b', { r: 5 })];
  const firsts = new Set<string>();
  const random = randomOf(1);
  for (let i = 0; i < 50; i++) {
    const order = named(match(job, sites, { now, random }).matches);
    assert.deepEqual(order.slice(0, 2).sort(), ['a', 'b']);
    assert.deepEqual(order.slice(2), ['low', 'none']);
    firsts.add(order[0] ?? '');
  }
  assert.equal(firsts.size, 2);
});

test('with FuzzyRank each is first as often as its weight says', () => {
  const job = ad('[Rank = other.r; FuzzyRank = true]');
  const ranks = [0, 1, 2, 5];
  const sites = [...ranks.map((r) => site(`s${r}`, { r })), site('none')];
  const weights = fuzzyWeights(ranks, 0.7);
  const mean = 2;
  assert.deepEqual(
    weights,
    ranks.map((r) => Math.atan((r - mean) * 0.7) + Math.PI / 2),
  );
  const random = randomOf(7);
  const draws = 4000;
  const first = new Map<string, number>();
  for (let i = 0; i < draws; i++) {
    const order = named(match(job, sites, { now, random, fuzzyFactor: 0.7 }).matches);
    assert.equal(order.length, 5);
    assert.equal(order[4], 'none');
    first.set(order[0] ?? '', (first.get(order[0] ?? '') ?? 0) + 1);
  }
  const total = weights.reduce((sum, w) => sum + w, 0);
  for (const [i, r] of ranks.entries()) {
    const p = (weights[i] ?? 0) / total;
    const expected = p * draws;
    assert.ok(Math.abs((first.get(`s${r}`) ?? 0) - expected) < 4 * Math.sqrt(expected * (1 - p)), `s${r}: ${first.get(`s${r}`)} of ${expected}`);
  }
});

test('a broker asks for sites in production, and takes the one that answers soonest where nothing else is said', () => {
  const sites = [
    site('slow', { GlueCEStateEstimatedResponseTime: 100, x: 1 }),
    site('fast', { GlueCEStateEstimatedResponseTime: 5, x: 1 }),
    site('draining', { GlueCEStateStatus: 'Draining', x: 1 }),
  ];
  const options = { now, random: (): number => 0 };
  for (const text of ['[]', '[Requirements = other.x == 1]']) {
    const { matches: found, rejected } = match(withBrokerDefaults(ad(text)), sites, options);
    assert.deepEqual(named(found), ['fast', 'slow']);
    assert.deepEqual(
      rejected.map((r) => r.rejection.why === 'requirements' && r.rejection.term),
      ['other.GlueCEStateStatus == "Production"'],
    );
  }
  assert.deepEqual(named(match(withBrokerDefaults(ad('[Rank = other.GlueCEStateEstimatedResponseTime]')), sites, options).matches), ['slow', 'fast']);
});
