import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '../sim/clock.ts';
import { Gate } from './gate.ts';
import { fails, never } from './test-kit.ts';

function gate() {
  const clock = new ManualClock();
  const pauses: number[] = [];
  const pause = async (milliseconds: number): Promise<void> => {
    pauses.push(milliseconds);
    clock.advance(milliseconds / 1000);
  };
  return { clock, pauses, gate: new Gate({ now: () => clock.wall(), pause }) };
}

describe('gate', () => {
  it('a short wait is waited, a long one is told', async () => {
    const { gate: g, pauses, clock } = gate();
    g.refused('compute', 3);
    await g.pass('image', never());
    assert.deepEqual(pauses, [], 'other services are not held up');
    await g.pass('compute', never());
    assert.deepEqual(pauses, [3000]);
    g.refused('compute', 60);
    await assert.rejects(g.pass('compute', never()), fails('ASKED_TO_WAIT', { whole: true, retryAfter: 60 as never }));
    clock.advance(60);
    await g.pass('compute', never());
  });

  it('without a time the pause doubles from one second to a minute, until an answer', () => {
    const { gate: g, clock } = gate();
    assert.deepEqual(
      [1, 2, 3, 4, 5, 6, 7, 8].map(() => {
        const wait = g.refused('compute', undefined);
        assert.equal(g.refused('compute', undefined), wait, 'refusals of one moment count once');
        clock.advance(wait);
        return wait;
      }),
      [1, 2, 4, 8, 16, 32, 60, 60],
    );
    g.answered('compute');
    assert.equal(g.refused('compute', undefined), 1);
  });

  it('no server sends us away for longer than ten minutes, and an answer that was under way opens nothing', async () => {
    const { gate: g } = gate();
    assert.equal(g.refused('compute', 1e9), 600);
    g.answered('compute');
    await assert.rejects(g.pass('compute', never()), fails('ASKED_TO_WAIT', { retryAfter: 600 as never }));
  });

  it('a clock that is set back does not close it for longer than it was told', async () => {
    const { gate: g, clock } = gate();
    g.refused('compute', 30);
    clock.step(-86_400);
    await assert.rejects(g.pass('compute', never()), fails('ASKED_TO_WAIT', { retryAfter: 30 as never }));
    clock.advance(30);
    await g.pass('compute', never());
  });
});
