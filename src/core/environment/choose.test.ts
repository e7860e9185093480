import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { adOf, failedTerm, parseExpression, ParseError } from '../classad/classad.ts';
import { seconds } from '../units.ts';
import { byPreference, chooseEnvironment, type EnvironmentRequest } from './choose.ts';
import { advertise } from './advertise.ts';
import { type Environment, type EnvironmentCounts, tagsOf } from './environment.ts';
import { glue1Ad } from './glue1-ad.ts';
import { isOpen } from './state.ts';
import { anySituation, testCounts, testEnvironment, testNow, testSite } from './testing.ts';

const tagged = (tag: string): string => `Member("${tag}", other.GlueHostApplicationSoftwareRunTimeEnvironment)`;
const job = (more: Partial<EnvironmentRequest> = {}): EnvironmentRequest => ({
  fqans: ['/atlas'],
  environments: [],
  processors: 1,
  memoryMb: 256,
  wall: seconds(3600),
  ...more,
});
const choose = (request: EnvironmentRequest, environments: readonly Environment[], counts: Readonly<Record<string, Partial<EnvironmentCounts>>> = {}) =>
  chooseEnvironment(request, environments, {
    site: testSite,
    counts: new Map(environments.map((e) => [e.name, testCounts(counts[e.name])])),
    now: testNow,
  });
const reasons = (choice: ReturnType<typeof choose>): Readonly<Record<string, string | undefined>> =>
  Object.fromEntries(choice.candidates.map(({ environment, why }) => [environment.name, why]));

const a = testEnvironment('a', { tags: ['a1', 'a2'] });
const b = testEnvironment('b', { tags: ['b1'] });
const plain = testEnvironment('plain', { native: true, tags: ['n1'], cost: 9 });

describe('choice of an environment (spec/environments.md §6.1, §8.4)', () => {
  it('native wins if it suffices', () => {
    assert.equal(choose(job(), [a, b, plain]).environment?.name, 'plain');
    assert.equal(choose(job({ requirements: tagged('n1') }), [a, plain]).environment?.name, 'plain');
    assert.equal(choose(job({ requirements: tagged('a1') }), [a, plain]).environment?.name, 'a');
  });

  it('then the cheapest, then the first by name', () => {
    const cheap = testEnvironment('z', { cost: 0.5 });
    assert.deepEqual(
      [b, a, cheap, plain].toSorted(byPreference).map((e) => e.name),
      ['plain', 'z', 'a', 'b'],
    );
    assert.equal(choose(job(), [b, a]).environment?.name, 'a');
    assert.equal(choose(job(), [b, a, cheap]).environment?.name, 'z');
  });

  it('the union trap: two tags of different environments are refused here, although the union promises them (§4.2)', () => {
    const requirements = `${tagged('a1')} && ${tagged('b1')}`;
    const union = advertise([a, b], new Map(), { ...testSite, advertise: 'union' }, testNow);
    const [share] = union.shares;
    assert.ok(share !== undefined && union.shares.length === 1);
    const expression = parseExpression(requirements);
    assert.ok(!(expression instanceof ParseError));
    assert.equal(failedTerm(expression, { other: adOf(glue1Ad(share, union.site)), now: testNow }), undefined);

    const choice = choose(job({ requirements }), [a, b]);
    assert.equal(choice.environment, undefined);
    assert.deepEqual(reasons(choice), {
      a: 'Requirements: Member("b1", other.GlueHostApplicationSoftwareRunTimeEnvironment) is false',
      b: 'Requirements: Member("a1", other.GlueHostApplicationSoftwareRunTimeEnvironment) is false',
    });
    for (const { tags } of advertise([a, b], new Map(), testSite, testNow).shares) assert.ok(!(tags.includes('a1') && tags.includes('b1')));
  });

  it('tags of the plain node are published with each environment, but a job that needs both is refused', () => {
    const published = advertise([a, plain], new Map(), testSite, testNow).shares.map((share) => share.tags);
    assert.deepEqual(published, [
      ['VM-plain', 'n1', 'plain', 'VM-a', 'a1', 'a2', 'a'],
      ['VM-plain', 'n1', 'plain'],
    ]);
    assert.equal(choose(job({ requirements: `${tagged('n1')} && ${tagged('a1')}` }), [a, plain]).environment, undefined);
  });

  it('a VO that is not admitted', () => {
    const own = testEnvironment('own', { vos: ['cms', '/atlas/Role=production'] });
    assert.deepEqual(reasons(choose(job(), [own])), { own: 'only for cms, /atlas/Role=production' });
    for (const fqan of ['/cms', '/cms/heavy', 'cms', '/atlas/Role=production/Capability=NULL']) {
      assert.equal(choose(job({ fqans: ['/lhcb', fqan] }), [own]).environment?.name, 'own', fqan);
    }
  });

  it('limits', () => {
    const small = testEnvironment('small', { processors: { min: 1, max: 2 }, memoryMb: { min: 512, max: 1024 }, maxWall: seconds(600), cost: 0 });
    const why = (more: Partial<EnvironmentRequest>) => reasons(choose(job({ wall: seconds(600), ...more }), [small]))['small'];
    assert.equal(why({}), undefined);
    assert.equal(why({ processors: 2, memoryMb: 1024 }), undefined);
    assert.equal(why({ processors: 3 }), 'needs 3 processors, its machines have at most 2');
    assert.equal(why({ memoryMb: 1025 }), 'needs 1025 MiB of memory, its machines have at most 1024');
    assert.equal(why({ wall: seconds(601) }), 'needs 601 s, at most 600 are allowed');
    assert.equal(reasons(choose(job(), [testEnvironment('none', { maxInstances: 0 })]))['none'], 'it takes no jobs: max_instances is 0');
  });

  it('one with all its machines is passed over while another has room; when all are full, the job waits for the first', () => {
    const [first, second] = [testEnvironment('first', { maxInstances: 2, cost: 0 }), testEnvironment('second', { maxInstances: 2 })];
    assert.equal(choose(job(), [first, second], { first: { instances: 1 } }).environment?.name, 'first');
    assert.equal(choose(job(), [first, second], { first: { instances: 2 } }).environment?.name, 'second');
    const full = choose(job(), [first, second], { first: { instances: 2 }, second: { instances: 3 } });
    assert.deepEqual([full.environment?.name, full.candidates.map((c) => c.full)], ['first', [true, true]]);
  });

  it('only states in which jobs may be matched', () => {
    assert.deepEqual(reasons(choose(job(), [a, b], { a: { state: 'installedbroken' }, b: { state: 'pendingremoval' } })), {
      a: 'it is installedbroken',
      b: 'it is pendingremoval',
    });
  });

  it('VirtualEnvironment names an environment or one of its tags', () => {
    for (const wanted of ['b', 'VM-b', 'b1']) assert.equal(choose(job({ environments: ['nobody', wanted] }), [plain, a, b]).environment?.name, 'b');
    assert.equal(reasons(choose(job({ environments: ['B1'] }), [b]))['b'], 'needs environment B1; did you mean b1?');
  });

  it('CERequirements count too, and expressions may refer to the description of the job', () => {
    const ce = (ceRequirements: string) => choose(job({ requirements: tagged('a1'), ceRequirements }), [a]);
    assert.equal(ce('other.GlueHostMainMemoryRAMSize >= 2048').environment?.name, 'a');
    assert.equal(reasons(ce('other.GlueHostMainMemoryRAMSize > 2048'))['a'], 'CERequirements: other.GlueHostMainMemoryRAMSize > 2048 is false');
    const ad = adOf({ Needed: 4000, Requirements: 'not looked at' });
    const requirements = 'other.GlueHostMainMemoryRAMSize >= Needed';
    assert.equal(reasons(choose(job({ requirements, ad }), [a]))['a'], `Requirements: ${requirements} is false`);
    assert.equal(choose(job({ requirements, ad: adOf({ needed: 2000 }) }), [a]).environment?.name, 'a');
  });

  it('the term that fails is told, undefined and error included', () => {
    const why = (requirements: string) => reasons(choose(job({ requirements }), [a]))['a'];
    assert.equal(why('true && other.NoSuch == 1'), 'Requirements: other.NoSuch == 1 is undefined');
    assert.equal(why('other.GlueCEName'), 'Requirements: other.GlueCEName is "long-a"');
    assert.match(why('1 + "a"') ?? '', /^Requirements: 1 \+ "a" is error/);
    assert.match(why('1 +') ?? '', /^Requirements cannot be read: 1:4: /);
  });

  it('what is chosen passes every rule, and no better one does (slow search)', () => {
    const anyJob = fc.record({
      processors: fc.integer({ min: 1, max: 1500 }),
      memoryMb: fc.integer({ min: 1, max: 1500 }),
      wall: fc.integer({ min: 1, max: 1_000_000 }).map(seconds),
      fqans: fc.array(fc.constantFrom('/atlas', '/cms', '/lhcb/x', '/atlas/Role=production'), { maxLength: 2 }),
    });
    fc.assert(
      fc.property(anySituation, anyJob, fc.nat(20), ({ site, environments, counts }, request, pick) => {
        const tags = environments.flatMap(tagsOf);
        const tag = tags[pick % Math.max(1, tags.length)];
        const wanted = { ...request, environments: tag === undefined || pick < 5 ? [] : [tag] };
        const admits = (e: Environment): boolean =>
          e.vos.length === 0 ||
          request.fqans.some((fqan) =>
            e.vos.some((vo) =>
              vo.startsWith('/') ? (vo.endsWith('/*') ? `${fqan}/`.startsWith(vo.slice(0, -1)) : fqan === vo) : `${fqan}/`.startsWith(`/${vo}/`),
            ),
          );
        const passes = (e: Environment): boolean =>
          admits(e) &&
          isOpen(counts.get(e.name)?.state ?? 'removing') &&
          (wanted.environments.length === 0 || tagsOf(e).includes(wanted.environments[0] ?? '')) &&
          e.processors.max >= request.processors &&
          e.memoryMb.max >= request.memoryMb &&
          e.maxWall >= request.wall &&
          e.maxInstances > 0;
        const able = environments.filter(passes);
        const room = able.filter((e) => (counts.get(e.name)?.instances ?? 0) < e.maxInstances);
        const best = (room.length > 0 ? room : able).toSorted(
          (x, y) => Number(y.native) - Number(x.native) || x.cost - y.cost || (x.name < y.name ? -1 : 1),
        )[0];
        assert.equal(chooseEnvironment(wanted, environments, { site, counts, now: testNow }).environment?.name, best?.name);
      }),
    );
  });
});
