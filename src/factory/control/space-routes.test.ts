import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { z } from 'zod';
import type { FactoryAnswer } from '../../core/space/census.ts';
import type { FactoryReport, SpaceReport } from '../../core/space/report.ts';
import type { FactoryFacts, MachinetypeFacts, SlotFacts } from '../../core/space/types.ts';
import { loneFactory } from '../site-view.ts';
import { EventBus } from '../events.ts';
import { controlApp } from './app.ts';
import { FakeView, fakeNow } from './fake-view.ts';
import * as answers from './space-answers.ts';

type Same<A, B> = [keyof A] extends [keyof B] ? ([keyof B] extends [keyof A] ? true : never) : never;
type Answer = z.output<typeof answers.FactoryAnswer>;
type Report = z.output<typeof answers.SpaceReport>;

/** Compiles only while the API and the core have the same facts. */
const complete: readonly true[] = [
  true satisfies Same<Answer, FactoryAnswer>,
  true satisfies Same<Answer['machines'][number], SlotFacts>,
  true satisfies Same<Answer['machinetypes'][number], MachinetypeFacts>,
  true satisfies Same<NonNullable<Answer['factoryFacts']>, FactoryFacts>,
  true satisfies Same<Report, SpaceReport>,
  true satisfies Same<Report['factories'][number], FactoryReport>,
];

function app() {
  const view = new FakeView('/nonexistent');
  const deps = { site: loneFactory(view, new EventBus()), now: () => fakeNow, log: { warn: () => assert.fail('a request failed') }, streams: new Set<never>() };
  return { view, get: async (path: string) => await controlApp(deps).request(path) };
}

it('every fact of a space has a place in the API', () => assert.equal(complete.length, 6));

it('GET /v1/space tells who answers and who is silent', async () => {
  const { view, get } = app();
  view.ignored = { unsigned: 3 };
  const body = answers.SpaceReport.parse(await (await get('/v1/space')).json());
  assert.deepEqual(body, view.space());
});

it('GET /v1/space/… asks factories, all of them or those named, in a bounded time', async () => {
  const { view, get } = app();
  const all = answers.SpaceAnswers.parse(await (await get('/v1/space/factories')).json());
  assert.deepEqual(
    all.answers.map((a) => [a.factory, a.answered]),
    [
      ['wn01.example.com', 'complete'],
      ['wn02.example.com', 'silent'],
      ['wn03.example.com', 'complete'],
    ],
  );
  const some = answers.SpaceAnswers.parse(await (await get('/v1/space/machines?factory=wn03.example.com&factory=wn09.example.com&within=0.5')).json());
  assert.equal(some.answers[0]?.machines.length, 4);
  assert.equal(some.answers[1]?.answered, 'silent');
  assert.deepEqual(view.commands, [
    'ask factories wn01.example.com wn02.example.com wn03.example.com within 2',
    'ask machines wn03.example.com wn09.example.com within 0.5',
  ]);
});

it('names that are none, too many names and times without end are refused before anybody is asked', async () => {
  const { view, get } = app();
  for (const query of [
    'factory=../etc',
    `factory=${'x'.repeat(300)}`,
    'factory=a.b&'.repeat(201),
    'within=0',
    'within=61',
    'within=1e3',
    'within=x',
    'within=',
  ]) {
    const response = await get(`/v1/space/machinetypes?${query}`);
    assert.equal(response.status, 400, query);
    assert.equal(((await response.json()) as { error: { code: string } }).error.code, 'bad_request');
  }
  assert.deepEqual(view.commands, []);
});

it('before a configuration was valid there is no space', async () => {
  const { view, get } = app();
  view.configured = false;
  assert.equal((await get('/v1/space')).status, 503);
});
