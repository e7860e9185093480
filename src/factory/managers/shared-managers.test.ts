import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import * as fc from 'fast-check';
import { seconds } from '../../core/units.ts';
import { SharedManagers } from './shared-managers.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vacua-managers-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** Seconds of every manager's uptime; each may have booted at another time. */
let now = 0;
let sessions = 0;
const takeover = seconds(60);
const never = new AbortController().signal;
const manager = (name: string, { booted = 0, place = directory, onChange = (): void => undefined } = {}): SharedManagers =>
  new SharedManagers({
    directory: join(place, 'managers'),
    manager: name,
    session: `session-${(sessions += 1)}`,
    takeover: () => takeover,
    clock: { uptime: () => seconds(now - booted) },
    onChange,
  });
const holds = (m: SharedManagers): boolean => m.facts().lease.held;
const lost = (m: SharedManagers): Promise<string | undefined> =>
  m.confirm(never).then(
    () => undefined,
    (error: Error) => error.message,
  );

describe('the lease of a space', () => {
  it('goes to the first; the second takes it over after silence alone, and the first notices before it creates', async () => {
    const [a, b] = [manager('a'), manager('b', { booted: -1_000_000 })];
    await a.look();
    await b.look();
    assert.deepEqual([holds(a), holds(b)], [true, false]);
    assert.deepEqual(b.facts().lease, { held: false, holder: 'a', text: 'the lease is held by a' });
    assert.deepEqual([...b.facts().alive].sort(), ['a', 'b']);
    for (let i = 0; i < 20; i++) {
      now += 10;
      await a.look();
      await b.look();
    }
    assert.deepEqual([holds(a), holds(b)], [true, false], 'as long as the first gives signs of life');
    now += 59;
    await b.look();
    assert.equal(holds(b), false);
    assert.equal(holds(a), false, 'who could not write for half of the time does not create, even before anybody takes over');
    now += 2;
    await b.look();
    assert.deepEqual([holds(b), [...b.facts().alive]], [true, ['b']]);
    assert.match((await lost(a)) ?? '', /nothing is created here: the lease is held by b/);
    assert.equal(await lost(b), undefined);
  });

  it('is found again by a manager that was killed and started again within the time', async () => {
    const [a, b] = [manager('a'), manager('b')];
    await a.look();
    await b.look();
    await a.close();
    now += 30;
    const again = manager('a');
    await again.look();
    await b.look();
    assert.deepEqual([holds(again), holds(b)], [true, false]);
    assert.match((await lost(a)) ?? 'closed', /closed|silent|cannot|written|held/);
  });

  it('of two processes with one name the younger goes on; the elder starts nothing and says why', async () => {
    const elder = manager('a');
    await elder.look();
    const younger = manager('a');
    await younger.look();
    assert.match((await lost(elder)) ?? '', /another process calls itself a too/);
    assert.equal(await lost(younger), undefined);
    now += 1;
    await younger.look();
    assert.equal(holds(younger), true);
  });

  it("is nobody's while the directory cannot be used, and comes back with it", async () => {
    let told = 0;
    const a = manager('a', { onChange: () => (told += 1) });
    await a.look();
    assert.equal(told, 1);
    renameSync(join(directory, 'managers'), join(directory, 'away'));
    writeFileSync(join(directory, 'managers'), 'a file in the place of the directory');
    await a.look();
    assert.equal(holds(a), true, 'one failure is none');
    now += 31;
    await a.look();
    const { lease } = a.facts();
    assert.match(lease.held ? '' : lease.text, /cannot be used: ENOTDIR|cannot be used: EEXIST/);
    assert.ok(told > 1);
    rmSync(join(directory, 'managers'));
    renameSync(join(directory, 'away'), join(directory, 'managers'));
    await a.look();
    assert.equal(holds(a), true);
  });

  it('garbage in the directory is nobody: it is waited for like a silent manager, and left behind', async () => {
    const a = manager('a');
    await a.look();
    writeFileSync(join(directory, 'managers', 'epoch-7'), '{"manager":');
    writeFileSync(join(directory, 'managers', 'manager-x'), '\0\0');
    writeFileSync(join(directory, 'managers', 'manager-y'), JSON.stringify({ manager: 'somebody else', session: 's', beat: 1 }));
    await a.look();
    assert.equal(holds(a), false);
    assert.deepEqual([...a.facts().alive], ['a']);
    now += 61;
    await a.look();
    assert.equal(holds(a), true);
    assert.equal(JSON.parse(readFileSync(join(directory, 'managers', 'epoch-8'), 'utf8')).manager, 'a');
  });

  it('a directory that never answers keeps no creation waiting for ever', async () => {
    const a = manager('a');
    const abort = AbortSignal.abort();
    await assert.rejects(a.confirm(abort), /could not be looked at/);
  });

  it('many who ask at once share one look, and old epochs are cleared away', async () => {
    const a = manager('a');
    await a.look();
    const before = JSON.parse(readFileSync(join(directory, 'managers', 'manager-a'), 'utf8')) as { beat: number };
    await Promise.all(Array.from({ length: 100 }, () => a.confirm(never)));
    const after = JSON.parse(readFileSync(join(directory, 'managers', 'manager-a'), 'utf8')) as { beat: number };
    assert.ok(after.beat - before.beat <= 2, `${after.beat - before.beat} looks`);
    for (let i = 0; i < 10; i++) await manager('a').look();
    assert.ok(readdirSync(join(directory, 'managers')).filter((name) => name.startsWith('epoch-')).length <= 6);
    assert.ok(!readdirSync(join(directory, 'managers')).some((name) => name.startsWith('.draft')));
  });

  it('never belongs to two, whatever falls silent, comes back, and looks at the same time', async () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ kind: fc.constant('look' as const), who: fc.subarray([0, 1, 2], { minLength: 1 }) }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), by: fc.integer({ min: 1, max: 70 }) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const), who: fc.nat({ max: 2 }) }) },
    );
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const place = join(directory, `run-${(run += 1)}`);
        const managers = ['a', 'b', 'c'].map((name, i) => manager(name, { booted: i * 1000, place }));
        for (const s of steps) {
          if (s.kind === 'wait') now += s.by;
          else if (s.kind === 'restart') {
            await managers[s.who]?.close();
            managers[s.who] = manager(['a', 'b', 'c'][s.who] ?? '', { booted: s.who * 1000, place });
          } else await Promise.all(s.who.map((i) => managers[i]?.look()));
          assert.ok(managers.filter(holds).length <= 1, 'by what they know');
        }
        const confirmed = await Promise.all(managers.map((m) => lost(m)));
        assert.ok(confirmed.filter((why) => why === undefined).length <= 1, 'by what they find');
        rmSync(place, { recursive: true, force: true });
      }),
      { numRuns: 25 },
    );
  });
});
