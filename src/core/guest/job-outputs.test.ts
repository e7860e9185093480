import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { isOutputName, OutputLedger, type Transfer } from './job-outputs.ts';

const limits = { maxBytes: 100, maxFiles: 3, maxTransfers: 3 };
const taken = (ledger: OutputLedger, name: string, size: number): Transfer => {
  const reservation = ledger.reserve(name, size, limits);
  assert.ok('transfer' in reservation, JSON.stringify(reservation));
  return reservation.transfer;
};

describe('isOutputName', () => {
  it('allows flat, visible names only', () => {
    for (const name of ['a', 'shutdown_message', 'log-1.txt', '_', '-x', 'x..y', 'A'.repeat(255)]) assert.ok(isOutputName(name), name);
    for (const name of ['', '.', '..', '.hidden', '../x', 'a/b', '%2e%2e', 'a b', 'a\n', 'ä', 'a\0', 'A'.repeat(256)]) assert.ok(!isOutputName(name), name);
  });
});

describe('OutputLedger', () => {
  it('counts a replacement as the larger of the two until it has ended', () => {
    const ledger = new OutputLedger(
      new Map([
        ['a', 60],
        ['b', 30],
      ]),
    );
    const a = taken(ledger, 'a', 60);
    assert.deepEqual(ledger.reserve('c', 11, limits), { refused: 'bytes' });
    const c = taken(ledger, 'c', 10);
    ledger.release(a);
    ledger.commit(c);
    assert.equal(ledger.bytes, 100);
    ledger.commit(taken(ledger, 'a', 10));
    assert.equal(ledger.bytes, 50);
  });

  it('lets a file shrink though the limit has been lowered meanwhile', () => {
    const ledger = new OutputLedger(new Map([['a', 500]]));
    ledger.commit(taken(ledger, 'a', 90));
    assert.equal(ledger.bytes, 90);
  });

  it('refuses a million files one by one without growing', () => {
    const ledger = new OutputLedger(new Map());
    for (let i = 0; i < 1_000_000; i += 1) {
      const reservation = ledger.reserve(`f${i}`, 1, limits);
      if ('transfer' in reservation) ledger.commit(reservation.transfer);
    }
    assert.equal(ledger.files, 3);
    assert.equal(ledger.bytes, 3);
  });

  it('keeps all limits whichever transfers succeed', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('reserve' as const), name: fc.constantFrom('a', 'b', 'c', 'd', 'e'), size: fc.nat(130) }),
      fc.record({ kind: fc.constantFrom('commit' as const, 'release' as const), which: fc.nat(3) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const ledger = new OutputLedger(new Map());
        const disk = new Map<string, number>();
        const open: Transfer[] = [];
        for (const s of steps) {
          if (s.kind === 'reserve') {
            const reservation = ledger.reserve(s.name, s.size, limits);
            if ('transfer' in reservation) open.push(reservation.transfer);
          } else {
            const [transfer] = open.splice(s.which % Math.max(1, open.length), 1);
            if (transfer === undefined) continue;
            ledger[s.kind](transfer);
            if (s.kind === 'commit') disk.set(transfer.name, transfer.size);
          }
          const stored = [...disk.values()].reduce((sum, size) => sum + size, 0);
          const moving = open.reduce((sum, transfer) => sum + transfer.size, 0);
          assert.equal(ledger.bytes, stored);
          assert.ok(stored <= limits.maxBytes && moving <= limits.maxBytes && disk.size <= limits.maxFiles && open.length <= limits.maxTransfers);
        }
      }),
    );
  });
});
