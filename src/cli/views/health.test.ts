import assert from 'node:assert/strict';
import { it } from 'node:test';
import { seconds } from '../../core/units.ts';
import { ago, FakeView, fakeNow } from '../../factory/control/fake-view.ts';
import { type HealthFacts, health } from './health.ts';

const view = new FakeView('/var/lib/vacua');
const { turn } = view;
assert.ok(turn !== undefined);
const good: HealthFacts = {
  status: view.status(),
  machines: view.machines(),
  turn,
  configuration: { digest: 'd', machinetypes: {}, problems: [], pipes: [] },
  now: fakeNow,
  limit: 600,
};
const observing = (change: Partial<typeof turn.observed>): HealthFacts => ({ ...good, turn: { ...turn, observed: { ...turn.observed, ...change } } });
const deciding = (verdict: (typeof turn.decision.reasons.machinetypes)[number]['verdict'], veto?: typeof turn.decision.reasons.veto): HealthFacts => ({
  ...good,
  turn: {
    ...turn,
    decision: {
      ...turn.decision,
      reasons: {
        ...turn.decision.reasons,
        machinetypes: turn.decision.reasons.machinetypes.map((m) => ({ ...m, verdict })),
        ...(veto === undefined ? {} : { veto }),
      },
    },
  },
});
const { guestServiceSince: _, ...unserved } = turn.observed;

const cases: readonly (readonly [string, HealthFacts, 0 | 1 | 2, RegExp])[] = [
  ['all is well', good, 0, /^ok: last turn 20s ago \(1\/4 2\/4\)$/],
  ['an old turn', { ...good, limit: 19 }, 2, /^CRITICAL: the last turn ended 20s ago, more than 19s \(1\/4 2\/4\)$/],
  ['no turn yet', { ...good, turn: undefined, status: { ...good.status, startedAt: ago(5) } }, 1, /first turn/],
  ['a journal that cannot be written', { ...good, status: { ...good.status, journalFault: 'read-only' } }, 2, /journal cannot be written: read-only/],
  ['no valid configuration', { ...good, configuration: { machinetypes: {}, problems: [], pipes: [] } }, 2, /no configuration/],
  [
    'a provider that does not answer',
    observing({ listing: { state: 'unknown', since: ago(90), why: 'hangs' } }),
    2,
    /provider has not answered since 1m 30s ago: hangs/,
  ],
  ['a guest service that does not answer', { ...good, turn: { ...turn, observed: unserved } }, 2, /guest service/],
  ['creations that fail', deciding({ why: 'creation_failing', count: 3, until: ago(-60), text: 'no QEMU' }), 2, /red-prod has failed 3 times: no QEMU/],
  [
    'a host where everything fails',
    deciding({ why: 'eligible' }, { why: 'black_hole', failures: 3, machinetypes: ['red', 'blue'], since: ago(60), message: '500 No CVMFS' }),
    2,
    /the last 3 machines failed here \(red, blue\), the last with "500 No CVMFS"; see vacua why/,
  ],
  [
    'little disk',
    deciding({ why: 'eligible' }, { why: 'disk', freeBytes: 2 ** 29, neededBytes: 2 ** 30 }),
    1,
    /^WARNING: only 512 MiB are free in \/var\/lib\/vacua, 1024 MiB/,
  ],
  [
    'an error in the configuration',
    {
      ...good,
      configuration: {
        ...good.configuration,
        problems: [{ severity: 'error', file: 'a.conf', line: 3, column: 1, text: 'odd', disables: { kind: 'nothing' } }],
      },
    },
    1,
    /a\.conf:3: odd/,
  ],
  [
    'a pipe that cannot be fetched',
    { ...good, configuration: { ...good.configuration, pipes: [{ prefix: 'p', url: 'u', failure: '404', fetchedAt: ago(7200), machinetypes: 1 }] } },
    1,
    /pipe p cannot be fetched, the copy is of 2h 00m ago: 404/,
  ],
  ['an image that is not there', deciding({ why: 'not_ready', text: 'downloading' }), 1, /red-prod is not ready: downloading/],
  ['a hostile reason', deciding({ why: 'not_ready', text: '\x1b[2J\nok' }), 1, /not ready: \\x1b\[2J\\x0aok/],
];
for (const [name, facts, code, line] of cases) {
  it(`health: ${name}`, () => {
    const found = health(facts);
    assert.equal(found.code, code);
    assert.match(found.line, line);
    assert.ok(!found.line.includes('\n'));
  });
}

it('health: what is critical goes before what is a warning', () => {
  const both = { ...deciding({ why: 'not_ready', text: 'x' }), status: { ...good.status, journalFault: 'full' } };
  assert.equal(health(both).code, 2);
  assert.equal(health({ ...both, limit: seconds(1) }).line.includes('last turn'), true);
});
