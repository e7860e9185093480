import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { z } from 'zod';
import type * as core from '../../core/decision.ts';
import type * as machine from '../../core/machine.ts';
import type * as observed from '../../core/observed.ts';
import type { PipeState, Problem } from '../parts.ts';
import type { FactoryStatus } from '../view.ts';
import * as answers from './answers.ts';
import { encode } from './codec.ts';
import { FakeView, fakeId, ago } from './fake-view.ts';
import * as schema from './schema.ts';

/** Names of all facts of a type, those of every member of a union. A fact without a place in the API would be lost without a word. */
type Keys<T> = T extends unknown ? keyof T : never;
type SameKeys<A, B> = [Keys<A>] extends [Keys<B>] ? ([Keys<B>] extends [Keys<A>] ? true : never) : never;
type Out<S extends z.ZodType> = z.output<S>;

/** Compiles only while the API and the core have the same facts. Left out on purpose: `order`, which only the provider understands. */
const complete: readonly true[] = [
  true satisfies SameKeys<Out<typeof schema.Machine>, machine.Machine>,
  true satisfies SameKeys<Out<typeof schema.Outcome>, machine.Outcome>,
  true satisfies SameKeys<Out<typeof schema.UsageRecord>, machine.UsageRecord>,
  true satisfies SameKeys<Out<typeof schema.Action>, core.Action>,
  true satisfies SameKeys<Out<typeof schema.Decision>, core.Decision>,
  true satisfies SameKeys<Out<typeof schema.Decision>['reasons'], core.Reasons>,
  true satisfies SameKeys<Out<typeof schema.MachinetypeReason>, core.MachinetypeReason>,
  true satisfies SameKeys<Out<typeof schema.MachinetypeReason>['verdict'], core.Verdict>,
  true satisfies SameKeys<NonNullable<Out<typeof schema.Decision>['reasons']['veto']>, core.Veto>,
  true satisfies SameKeys<Out<typeof answers.Turn>['observed'], observed.Observed>,
  true satisfies SameKeys<Out<typeof answers.Turn>['observed']['host'], observed.HostFacts>,
  true satisfies SameKeys<Out<typeof answers.Status>, FactoryStatus>,
  true satisfies SameKeys<Out<typeof answers.Problem>, Problem>,
  true satisfies SameKeys<Out<typeof answers.ConfigurationAnswer>['pipes'][number], PipeState>,
];

it('every fact of the core has a place in the API', () => assert.equal(complete.length, 14));

it('times are ISO strings, durations seconds, sets lists and maps objects', () => {
  const { turn } = new FakeView('/nonexistent');
  assert.ok(turn !== undefined);
  const { observed: facts, decision } = JSON.parse(JSON.stringify(encode(answers.Turn, turn as Parameters<typeof encode<typeof answers.Turn>>[1]))) as Record<
    string,
    Record<string, unknown>
  >;
  assert.equal(facts?.['now'], new Date(ago(20)).toISOString());
  assert.deepEqual(facts?.['inFlight'], [fakeId(1)]);
  assert.deepEqual(facts?.['preparations'], { blue: { ready: true } });
  assert.equal(decision?.['wakeAt'], '2026-11-20T11:00:40.000Z');
});
