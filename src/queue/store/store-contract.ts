import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { jobStates, type JobId, type JobState } from '../../core/jobs/job.ts';
import { later, seconds } from '../../core/units.ts';
import { type JobStore, StoreError } from '../store.ts';
import { anAgent, aSpec, at, leaseTime, taken } from './testing.ts';
import type { StoreOptions } from './table-store.ts';

/** What a store's test supplies. */
export interface StoreHarness {
  /** A store with nothing in it, opened. Another call with the same `name`: a second server on the same data. */
  open(name: string, options: StoreOptions): Promise<JobStore>;
  close(): Promise<void>;
}

/** Fits machines whose type is named. */
export const contractOptions: StoreOptions = {
  meets: (requirements, agent) => requirements === agent.machinetype || `the machinetype is ${agent.machinetype}, not ${requirements}`,
  halfLife: seconds(Number.POSITIVE_INFINITY),
};

const refused = (code: StoreError['code'], text: RegExp) => (error: unknown) => error instanceof StoreError && error.code === code && text.test(error.message);
let stores = 0;

/** Registers the cases that hold for every store. */
export function storeContract(name: string, makeHarness: () => Promise<StoreHarness>, skip: string | false = false): void {
  describe(`store contract: ${name}`, { skip, concurrency: false }, () => {
    let harness: StoreHarness;
    before(async () => {
      harness = await makeHarness();
    });
    after(async () => harness?.close());
    const withStore = (title: string, work: (store: JobStore, again: (options?: Partial<StoreOptions>) => Promise<JobStore>) => Promise<void>): void => {
      it(title, async () => {
        const database = `contract_${++stores}`;
        const opened: JobStore[] = [];
        const open = async (options: Partial<StoreOptions> = {}): Promise<JobStore> => {
          const store = await harness.open(database, { ...contractOptions, ...options });
          opened.push(store);
          return store;
        };
        try {
          await work(await open(), open);
        } finally {
          for (const store of opened) await store.close();
        }
      });
    };
    const one = async (store: JobStore, about: Parameters<typeof aSpec>[0] = {}, now = at(0)): Promise<JobId> => {
      const [id] = await store.submit([aSpec(about)], { now, ready: true });
      assert.ok(id !== undefined);
      return id;
    };
    const standing = async (store: JobStore, id: JobId): Promise<string> => {
      const job = await store.job(id);
      return job === undefined ? 'gone' : [job.state, ...job.attributes].join(' ');
    };

    withStore('a job goes from submission to its end, with its history', async (store) => {
      const id = await one(store, { name: 'first', environments: ['VM-mini'], arguments: ['a b', '\u0000\n"', 'ü'] });
      assert.match(id, /^[0-9a-z]{20}$/u);
      assert.equal(await standing(store, id), 'PROCESSING-QUEUED');
      const { job, lease } = await taken(store, anAgent(), at(10));
      assert.match(lease, /^[\w-]{43}$/u);
      assert.deepEqual(job.spec, aSpec({ name: 'first', environments: ['VM-mini'], arguments: ['a b', '\u0000\n"', 'ü'] }));
      assert.deepEqual(job.run, {
        number: 1,
        machine: 'wn-1',
        site: 'lab.example.com',
        machinetype: 'mini',
        environment: 'VM-mini',
        takenAt: at(10),
        leaseUntil: at(130),
      });
      assert.deepEqual((await store.leased(lease, at(11)))?.id, id);
      assert.equal((await store.begin(lease, at(20))).held, true);
      assert.equal(await standing(store, id), 'PROCESSING-RUNNING APP-RUNNING');
      const renewed = await store.renew(lease, { now: at(60), lease: leaseTime });
      assert.equal(renewed.held && renewed.job.run?.leaseUntil, at(180));
      assert.equal((await store.finish(lease, { kind: 'exited', exitCode: 0, wall: seconds(50) }, at(70))).held, true);
      const over = await store.job(id);
      assert.deepEqual(
        [over?.state, over?.attributes, over?.exitCode, over?.runs, over?.run?.startedAt, over?.run?.endedAt],
        ['TERMINAL', [], 0, 1, at(20), at(70)],
      );
      assert.equal(await store.leased(lease, at(71)), undefined);
      assert.deepEqual(
        (await store.history(id)).map((e) => [e.at, e.state, e.text, e.run, e.machine]),
        [
          [at(0), 'ACCEPTED', 'submitted by ada', undefined, undefined],
          [at(0), 'PROCESSING-QUEUED', 'waits for a machine', undefined, undefined],
          [at(10), 'PROCESSING-RUNNING', 'given to wn-1', 1, 'wn-1'],
          [at(20), 'PROCESSING-RUNNING', 'begun', 1, 'wn-1'],
          [at(70), 'TERMINAL', 'ended with 0', 1, 'wn-1'],
        ],
      );
      assert.equal(await store.ownerOf('lhcb', 'wn-1'), 'ada');
      assert.equal(await store.ownerOf('lhcb', 'wn-2'), undefined);
    });

    withStore('a machine of the same name in another tenant is another machine', async (store) => {
      await one(store);
      await one(store, { tenant: 'atlas', owner: 'eve' });
      await taken(store);
      await taken(store, anAgent({ tenant: 'atlas' }));
      assert.deepEqual([await store.ownerOf('lhcb', 'wn-1'), await store.ownerOf('atlas', 'wn-1')], ['ada', 'eve']);
    });

    withStore('no text of a guest and no word of a question makes a store stumble', async (store) => {
      // Whatever is written before them, one of the two would be cut in the middle of a character of two units.
      for (const start of ['\u0000', '\u0000x']) {
        const text = start + '\u{1f600}'.repeat(300);
        const id = await one(store);
        const { lease } = await taken(store);
        assert.equal((await store.giveBack(lease, text, at(1))).held, true);
        const again = await taken(store);
        assert.equal((await store.finish(again.lease, { kind: 'failed', phase: 'inputs', text }, at(2))).held, true);
        assert.equal(await standing(store, id), 'TERMINAL PREPROCESSING-FAILURE');
        const texts = [(await store.job(id))?.message ?? '', ...(await store.history(id)).map((e) => e.text)];
        assert.ok(texts.every((t) => t.isWellFormed() && t.length <= 500));
      }
      for (const word of ['\u0000', 'a\u0000b', '\ud800', "' OR 1=1 --"]) {
        assert.deepEqual(await store.list({ tenant: word }, { limit: 10 }), []);
        assert.deepEqual(await store.list({ owner: word }, { limit: 10 }), []);
        assert.deepEqual(await store.list({ tenant: word, owner: word, states: ['TERMINAL'] }, { limit: 10 }), []);
      }
    });

    withStore('a result told twice by the same lease counts once; the first counts', async (store) => {
      const id = await one(store);
      const { lease } = await taken(store);
      await store.finish(lease, { kind: 'exited', exitCode: 0, wall: seconds(1) }, at(1));
      assert.equal((await store.finish(lease, { kind: 'exited', exitCode: 9, wall: seconds(1) }, at(2))).held, true);
      assert.equal((await store.job(id))?.exitCode, 0);
      assert.deepEqual(await store.renew(lease, { now: at(3), lease: leaseTime }), { held: false, why: 'lost' });
    });

    withStore('how a run ended says in which phase the job failed', async (store) => {
      const cases = [
        [{ kind: 'exited', exitCode: 3, wall: seconds(1) }, 'TERMINAL APP-FAILURE', 'ended with 3'],
        [{ kind: 'exited', exitCode: 137, wall: seconds(1) }, 'TERMINAL APP-FAILURE', 'killed by signal 9'],
        [{ kind: 'timeout', wall: seconds(601) }, 'TERMINAL PROCESSING-FAILURE', 'ended at its wall limit after 601 s'],
        [{ kind: 'failed', phase: 'inputs', text: 'a\u001b[31m is missing' }, 'TERMINAL PREPROCESSING-FAILURE', 'inputs: a [31m is missing'],
        [{ kind: 'failed', phase: 'prologue', text: 'no' }, 'TERMINAL APP-FAILURE', 'prologue: no'],
        [{ kind: 'failed', phase: 'outputs', text: 'x'.repeat(900) }, 'TERMINAL POSTPROCESSING-FAILURE', `outputs: ${'x'.repeat(491)}`],
      ] as const;
      for (const [result, state, message] of cases) {
        const id = await one(store);
        await store.finish((await taken(store)).lease, result, at(1));
        assert.deepEqual([await standing(store, id), (await store.job(id))?.message], [state, message]);
      }
    });

    withStore('a lost lease returns the job; a late result of it is refused', async (store) => {
      const id = await one(store);
      const first = await taken(store, anAgent({ machine: 'wn-1' }), at(0));
      await store.begin(first.lease, at(1));
      assert.equal(await store.expire(at(119)), 0);
      assert.equal(await store.expire(at(120)), 1);
      assert.equal(await standing(store, id), 'PROCESSING-QUEUED');
      const second = await taken(store, anAgent({ machine: 'wn-2' }), at(121));
      assert.equal(second.job.id, id);
      const lost = { held: false, why: 'lost' };
      assert.deepEqual(await store.finish(first.lease, { kind: 'exited', exitCode: 0, wall: seconds(1) }, at(122)), lost);
      assert.deepEqual(await store.begin(first.lease, at(122)), lost);
      assert.deepEqual(await store.renew(first.lease, { now: at(122), lease: leaseTime }), lost);
      assert.deepEqual(await store.giveBack(first.lease, 'x', at(122)), lost);
      assert.equal(await store.leased(first.lease, at(122)), undefined);
      const job = await store.job(id);
      assert.deepEqual([job?.state, job?.run?.machine, job?.runs], ['PROCESSING-RUNNING', 'wn-2', 2]);
    });

    withStore('retries are bounded; the history is kept', async (store) => {
      const id = await one(store, { retries: 1 });
      for (const round of [0, 1]) {
        await taken(store, anAgent({ machine: `wn-${round}` }), at(round * 1000));
        assert.equal(await store.expire(at(round * 1000 + 500)), 1);
      }
      assert.equal(await standing(store, id), 'TERMINAL PROCESSING-FAILURE');
      assert.match((await store.job(id))?.message ?? '', /^lost: wn-1 has not renewed its lease; lost 2 times$/u);
      assert.deepEqual(
        (await store.history(id)).slice(2).map((e) => `${e.run} ${e.text}`),
        ['1 given to wn-0', '1 lost: wn-0 has not renewed its lease', '2 given to wn-1', '2 lost: wn-1 has not renewed its lease; lost 2 times'],
      );
      assert.equal((await store.take(anAgent(), { now: at(3000), lease: leaseTime })).job, undefined);
    });

    withStore('an at-most-once job is never given again once it has begun', async (store) => {
      const lost = await one(store, { rerunnable: false });
      await store.begin((await taken(store)).lease, at(1));
      await store.expire(at(500));
      assert.equal(await standing(store, lost), 'TERMINAL PROCESSING-FAILURE');
      await assert.rejects(store.act(lost, 'restart', 'ada', at(501)), refused('REFUSED', /at most once/u));
      const back = await one(store, { rerunnable: false });
      const held = await taken(store);
      await store.begin(held.lease, at(1));
      assert.equal((await store.giveBack(held.lease, 'machine ends', at(2))).held, true);
      assert.equal(await standing(store, back), 'TERMINAL PROCESSING-FAILURE');
      const unbegun = await one(store, { rerunnable: false });
      await taken(store);
      await store.expire(at(500));
      assert.equal(await standing(store, unbegun), 'PROCESSING-QUEUED');
    });

    withStore('a job that is given back waits again at the cost of no retry', async (store) => {
      const id = await one(store, { retries: 0 });
      for (let i = 0; i < 3; i++) {
        const { lease } = await taken(store);
        await store.begin(lease, at(1));
        assert.equal((await store.giveBack(lease, 'the machine ends', at(2))).held, true);
      }
      assert.equal(await standing(store, id), 'PROCESSING-QUEUED');
      assert.match((await store.history(id)).at(-1)?.text ?? '', /given back: the machine ends/u);
    });

    withStore('cancel: a waiting job ends, a running one when its machine has heard of it or is lost', async (store) => {
      const waiting = await one(store);
      assert.equal((await store.act(waiting, 'cancel', 'ada', at(1))).state, 'TERMINAL');
      assert.equal(await standing(store, waiting), 'TERMINAL PROCESSING-CANCEL');
      assert.equal((await store.take(anAgent(), { now: at(2), lease: leaseTime })).job, undefined);
      const cancelled = { held: false, why: 'cancelled' };
      const told = await one(store);
      const { lease } = await taken(store);
      await store.begin(lease, at(3));
      await store.act(told, 'cancel', 'ada', at(4));
      assert.equal(await standing(store, told), 'POSTPROCESSING PROCESSING-CANCEL DEPROVISIONING');
      assert.equal(await store.leased(lease, at(4)), undefined);
      await assert.rejects(store.act(told, 'cancel', 'ada', at(4)), refused('REFUSED', /already/u));
      assert.deepEqual(await store.renew(lease, { now: at(5), lease: leaseTime }), cancelled);
      assert.equal(await standing(store, told), 'TERMINAL PROCESSING-CANCEL');
      assert.deepEqual(await store.finish(lease, { kind: 'exited', exitCode: 0, wall: seconds(1) }, at(6)), cancelled);
      const silent = await one(store);
      await taken(store, anAgent(), at(10));
      await store.act(silent, 'cancel', 'ada', at(11));
      assert.equal(await store.expire(at(200)), 1);
      assert.equal(await standing(store, silent), 'TERMINAL PROCESSING-CANCEL');
    });

    withStore('stage-in, pause, resume, restart and wipe', async (store) => {
      const [id] = await store.submit([aSpec()], { now: at(0), ready: false });
      assert.ok(id !== undefined);
      assert.equal(await standing(store, id), 'PREPROCESSING CLIENT-STAGEIN-POSSIBLE');
      assert.equal((await store.take(anAgent(), { now: at(0), lease: leaseTime })).job, undefined);
      await store.act(id, 'pause', 'ada', at(1));
      await store.act(id, 'start', 'ada', at(2));
      assert.equal(await standing(store, id), 'PROCESSING-QUEUED CLIENT-PAUSED');
      assert.equal((await store.take(anAgent(), { now: at(3), lease: leaseTime })).job, undefined);
      await store.act(id, 'resume', 'ada', at(4));
      const { lease } = await taken(store);
      await assert.rejects(store.act(id, 'pause', 'ada', at(5)), refused('REFUSED', /no machine has/u));
      await assert.rejects(store.act(id, 'wipe', 'ada', at(5)), refused('REFUSED', /cancel it first/u));
      await store.finish(lease, { kind: 'exited', exitCode: 1, wall: seconds(1) }, at(6));
      await store.act(id, 'restart', 'ada', at(7));
      assert.equal(await standing(store, id), 'PROCESSING-QUEUED');
      await store.finish((await taken(store)).lease, { kind: 'exited', exitCode: 0, wall: seconds(1) }, at(8));
      await assert.rejects(store.act(id, 'restart', 'ada', at(9)), refused('REFUSED', /succeeded/u));
      await store.act(id, 'wipe', 'ada', at(9));
      assert.equal(await standing(store, id), 'gone');
      assert.deepEqual(await store.history(id), []);
      await assert.rejects(store.act(id, 'cancel', 'ada', at(9)), refused('NOT_FOUND', /there is none/u));
      assert.deepEqual(Object.values(await store.counts()), [0, 0, 0, 0, 0, 0, 0]);
    });

    withStore('time: waiting ends at expiresAt, outputs are kept seven days', async (store) => {
      const id = await one(store, { expiresAt: at(100) });
      const running = await one(store, { expiresAt: at(101), owner: 'bob', priority: 1000 });
      await taken(store, anAgent({ boundTo: 'bob' }), at(1));
      assert.equal(await store.expire(at(99)), 0);
      assert.equal(await store.expire(at(102)), 1);
      assert.equal(await standing(store, id), 'TERMINAL PROCESSING-FAILURE');
      assert.equal(await standing(store, running), 'PROCESSING-RUNNING');
      assert.equal(await store.expire(at(102 + 7 * 86_400)), 2);
      assert.equal(await standing(store, id), 'TERMINAL PROCESSING-FAILURE EXPIRED');
      assert.equal(await standing(store, running), 'PROCESSING-QUEUED');
      assert.equal(await store.expire(at(103 + 7 * 86_400)), 1);
      assert.equal(await standing(store, running), 'TERMINAL PROCESSING-FAILURE');
    });

    withStore('a match: sizes, time, environments, requirements, tenant and owner', async (store) => {
      await store.submit(
        [
          aSpec({ processors: 8 }),
          aSpec({ memoryMb: 9000 }),
          aSpec({ wall: seconds(3601) }),
          aSpec({ environments: ['slc4', 'VM-slc4'] }),
          aSpec({ environments: ['slc4', 'VM-slc4'] }),
          aSpec({ requirements: 'big' }),
          aSpec({ tenant: 'atlas' }),
        ],
        { now: at(0), ready: true },
      );
      const none = await store.take(anAgent(), { now: at(1), lease: leaseTime });
      assert.ok(none.job === undefined);
      assert.equal(none.waiting, 6);
      assert.deepEqual(none.reasons, [
        { jobs: 2, text: 'needs environment VM-slc4 or slc4' },
        { jobs: 1, text: 'needs 3601 s, the machine has 3600 left' },
        { jobs: 1, text: 'needs 8 processors, the machine has 4' },
        { jobs: 1, text: 'needs 9000 MiB of memory, the machine has 8000' },
        { jobs: 1, text: 'the machinetype is mini, not big' },
      ]);
      assert.equal((await taken(store, anAgent({ environments: ['slc4'] }))).job.run?.environment, 'slc4');
      assert.equal((await taken(store, anAgent({ timeLeft: seconds(3601) }))).job.spec.wall, 3601);
      assert.equal((await taken(store, anAgent({ machinetype: 'big' }))).job.spec.requirements, 'big');
      assert.equal((await taken(store, anAgent({ tenant: 'atlas' }))).job.spec.tenant, 'atlas');
      await assert.rejects(
        store.take(anAgent({ processors: Number.NaN }), { now: at(1), lease: leaseTime }),
        refused('REFUSED', /processors of machine wn-1/u),
      );
      const bound = await store.take(anAgent({ processors: 64, boundTo: 'bob' }), { now: at(1), lease: leaseTime });
      assert.ok(bound.job === undefined && bound.reasons.some((r) => r.text === 'of another owner than the jobs that this machine has run'));
    });

    withStore('fair between owners; within an owner priority, then age', async (store) => {
      const ids = await store.submit(
        [aSpec(), aSpec({ priority: 5 }), aSpec(), aSpec({ owner: 'bob', wall: seconds(60) }), aSpec({ owner: 'bob', processors: 3 }), aSpec({ owner: 'cyd' })],
        { now: at(0), ready: true },
      );
      const order: (string | number)[] = [];
      for (let i = 0; i < 6; i++) order.push(ids.indexOf((await taken(store, anAgent({ machine: `wn-${i}` }))).job.id));
      assert.deepEqual(order, [1, 3, 5, 0, 4, 2]);
    });

    withStore('who has used less lately is served first', async (store) => {
      await store.submit([aSpec(), aSpec({ owner: 'bob' }), aSpec(), aSpec({ owner: 'bob' })], { now: at(0), ready: true });
      const first = await taken(store, anAgent(), at(0));
      const second = await taken(store, anAgent(), at(0));
      assert.deepEqual([first.job.spec.owner, second.job.spec.owner], ['ada', 'bob']);
      await store.finish(first.lease, { kind: 'exited', exitCode: 0, wall: seconds(60) }, at(60));
      await store.finish(second.lease, { kind: 'exited', exitCode: 0, wall: seconds(20) }, at(20));
      assert.equal((await taken(store, anAgent(), at(61))).job.spec.owner, 'bob');
    });

    withStore('a submission is all or none, and idempotent by its keys', async (store) => {
      await assert.rejects(store.submit([aSpec(), aSpec({ owner: '' })], { now: at(0), ready: true }), refused('REFUSED', /owner ""/u));
      await assert.rejects(store.submit([aSpec({ tenant: 'a\nb' })], { now: at(0), ready: true }), refused('REFUSED', /tenant "a\\nb"/u));
      await assert.rejects(store.submit([aSpec()], { now: at(0), ready: true, keys: [] }), refused('REFUSED', /1 jobs have 0 keys/u));
      assert.equal((await store.list({}, { limit: 10 })).length, 0);
      const first = await store.submit([aSpec(), aSpec()], { now: at(0), ready: true, keys: ['a', 'b'] });
      const again = await store.submit([aSpec(), aSpec(), aSpec(), aSpec({ tenant: 'atlas' })], { now: at(1), ready: true, keys: ['b', 'c', 'c', 'b'] });
      assert.equal(again[0], first[1]);
      assert.equal(again[1], again[2]);
      assert.notEqual(again[3], first[1]);
      assert.equal((await store.list({}, { limit: 10 })).length, 4);
    });

    withStore('lists by id, in pages, by tenant, owner, state, attribute and time', async (store) => {
      const ids = await store.submit(
        Array.from({ length: 30 }, (_, i) => aSpec({ owner: i % 3 === 0 ? 'bob' : 'ada', tenant: i % 2 === 0 ? 'lhcb' : 'atlas' })),
        { now: at(0), ready: true },
      );
      assert.deepEqual(ids.toSorted(), ids);
      const seen: JobId[] = [];
      for (let after: JobId | undefined; ; ) {
        const page = await store.list({ tenant: 'lhcb' }, { limit: 4, ...(after === undefined ? {} : { after }) });
        seen.push(...page.map((j) => j.id));
        after = page.at(-1)?.id;
        if (after === undefined) break;
      }
      assert.deepEqual(
        seen,
        ids.filter((_, i) => i % 2 === 0),
      );
      const victim = ids[7] as JobId;
      await store.act(victim, 'cancel', 'ada', at(50));
      const find = async (filter: Parameters<JobStore['list']>[0]): Promise<JobId[]> => (await store.list(filter, { limit: 100 })).map((j) => j.id);
      assert.deepEqual(await find({ attribute: 'PROCESSING-CANCEL' }), [victim]);
      assert.deepEqual(await find({ states: ['TERMINAL', 'ACCEPTED'] }), [victim]);
      assert.deepEqual(await find({ since: at(50) }), [victim]);
      assert.deepEqual((await find({ states: ['TERMINAL', 'PROCESSING-QUEUED', 'TERMINAL'] })).length, 30);
      assert.deepEqual(await find({ states: [] }), []);
      assert.deepEqual((await find({ owner: 'bob', tenant: 'atlas' })).length, 5);
      assert.equal((await store.list({}, { limit: 2, after: ids[27] as JobId })).at(-1)?.id, ids[29]);
    });

    withStore('classes and counts are those of the jobs', async (store) => {
      await store.submit([aSpec(), aSpec({ owner: 'bob', environments: ['b', 'a'] }), aSpec({ environments: ['a', 'b', 'a'] })], { now: at(5), ready: true });
      await store.submit([aSpec({ environments: ['a', 'b'] }), aSpec({ tenant: 'atlas', requirements: 'x' })], { now: at(9), ready: true });
      await taken(store, anAgent({ environments: ['b'], boundTo: 'bob' }));
      const classes = await store.classes();
      assert.deepEqual(
        classes.map((c) => [c.tenant, c.requires.environments.join(), c.requires.requirements, c.waiting, c.running, c.oldest]),
        [
          ['lhcb', '', undefined, 1, 0, at(5)],
          ['lhcb', 'a,b', undefined, 2, 1, at(5)],
          ['atlas', '', 'x', 1, 0, at(9)],
        ],
      );
      assert.equal((await store.classes('atlas')).length, 1);
      const counts = await store.counts('lhcb');
      assert.deepEqual([counts['PROCESSING-QUEUED'], counts['PROCESSING-RUNNING']], [3, 1]);
      const all = await store.list({}, { limit: 100 });
      const expected = Object.fromEntries(jobStates.map((s) => [s, all.filter((j) => j.state === s).length])) as Record<JobState, number>;
      assert.deepEqual(await store.counts(), expected);
    });

    withStore('a token is claimed once', async (store, open) => {
      assert.equal(await store.claimToken('jti', 'nonce', at(100)), 'new');
      assert.equal(await store.claimToken('jti', 'nonce', at(100)), 'same');
      assert.equal(await (await open()).claimToken('jti', 'other', at(100)), 'replayed');
      await store.expire(at(99));
      assert.equal(await store.claimToken('jti', 'other', at(100)), 'replayed');
      await store.expire(at(100));
      assert.equal(await store.claimToken('jti', 'other', at(200)), 'new');
    });

    withStore('two stores on the same data see each other at once', async (store, open) => {
      const other = await open();
      const id = await one(store);
      assert.equal((await taken(other)).job.id, id);
      assert.equal((await store.take(anAgent(), { now: at(1), lease: leaseTime })).job, undefined);
      const next = await one(other, { owner: 'bob', wall: seconds(77) });
      assert.equal((await taken(store)).job.id, next);
      await store.expire(at(1000));
      await one(other, { owner: 'cyd' });
      const owners = [(await taken(other)).job.spec.owner, (await taken(store)).job.spec.owner, (await taken(other)).job.spec.owner];
      assert.equal(new Set(owners).size, 3);
    });

    withStore('eight takers on two stores: every job is given once', async (store, open) => {
      const stores = [store, await open()];
      const jobs = 200;
      await store.submit(
        Array.from({ length: jobs }, (_, i) => aSpec({ owner: `o${i % 3}`, priority: i % 5, wall: seconds(60 + (i % 4)) })),
        { now: at(0), ready: true },
      );
      const given: JobId[] = [];
      await Promise.all(
        Array.from({ length: 8 }, async (_, taker) => {
          const mine = stores[taker % 2] as JobStore;
          for (;;) {
            const answer = await mine.take(anAgent({ machine: `wn-${taker}` }), { now: at(1), lease: leaseTime });
            if (answer.job === undefined) return;
            given.push(answer.job.id);
            if (given.length % 3 === 0) assert.equal((await mine.finish(answer.lease, { kind: 'exited', exitCode: 0, wall: seconds(1) }, at(2))).held, true);
          }
        }),
      );
      assert.equal(given.length, jobs);
      assert.equal(new Set(given).size, jobs);
    });

    withStore('calls of one moment are as if they came one after the other', async (store) => {
      const ids = await store.submit(
        Array.from({ length: 12 }, (_, i) => aSpec({ owner: i < 6 ? 'ada' : 'bob' })),
        { now: at(0), ready: true },
      );
      const answers = await Promise.all(Array.from({ length: 13 }, (_, i) => store.take(anAgent({ machine: `wn-${i}` }), { now: at(1), lease: leaseTime })));
      const order = answers.map((a) => (a.job === undefined ? -1 : ids.indexOf(a.job.id)));
      assert.deepEqual(order, [0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11, -1]);
      const { lease } = answers[0] as Awaited<ReturnType<typeof taken>>;
      const [begun, renewed, finished, late] = await Promise.all([
        store.begin(lease, at(2)),
        store.renew(lease, { now: at(3), lease: leaseTime }),
        store.finish(lease, { kind: 'exited', exitCode: 0, wall: seconds(1) }, at(4)),
        store.giveBack(lease, 'x', at(5)),
      ]);
      assert.deepEqual([begun.held, renewed.held, finished.held, late.held], [true, true, true, false]);
      assert.equal((await store.history(ids[0] as JobId)).length, 5);
    });

    withStore('what was committed is there after a restart', async (store, open) => {
      const id = await one(store);
      const { lease } = await taken(store, anAgent(), at(1));
      await store.close();
      await assert.rejects(store.take(anAgent(), { now: at(2), lease: leaseTime }), refused('UNREACHABLE', /closed/u));
      const again = await open();
      assert.equal((await again.begin(lease, later(at(1), 5))).held, true);
      assert.equal((await again.job(id))?.state, 'PROCESSING-RUNNING');
    });
  });
}
