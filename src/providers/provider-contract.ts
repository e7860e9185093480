import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Sighting } from '../core/observed.ts';
import { type MachineId, machineId } from '../core/units.ts';
import { type MachineOrder, type Provider, ProviderError } from './contract.ts';

/**
 * What a provider's test supplies so that the contract can be run against it: a world, and hands inside its guests.
 * Real boots are dear, so one harness serves all cases, each of which cleans up its machines and checks that nothing is left.
 */
export interface Harness {
  /** A new provider object over the same world, opened: what a restarted daemon would have. The harness closes them all. */
  provider(): Promise<Provider>;
  /** A complete order under a new id: its directory exists, its guest runs until it is told otherwise and obeys a shutdown request. */
  order(about?: Partial<MachineOrder>): Promise<MachineOrder>;
  /** An order that cannot be carried out (its image is missing, say). */
  brokenOrder(): Promise<MachineOrder>;
  /** Resolves when the guest of a created machine is up, so that it can obey. */
  booted(id: MachineId): Promise<void>;
  /** The guest powers itself off. Need not wait for the effect. */
  powerOff(id: MachineId): Promise<void>;
  /** The guest reboots itself. Machines are used once, so that this is an end. Absent: the machines of this provider go on after it, and nobody is told. */
  reset?(id: MachineId): Promise<void>;
  /** From now on the guest ignores everything, shutdown requests too; it goes on running. */
  hang(id: MachineId): Promise<void>;
  /** The machine is lost behind the provider's back, as by `kill -9` of its process, or, at a cloud, removed by someone else. */
  vanish(id: MachineId): Promise<void>;
  /** Lets time pass until the condition holds: moves a simulated clock, or polls with a deadline. Rejects, naming `what`, when it never does. */
  until(what: string, condition: () => Promise<boolean>): Promise<void>;
  /** Names of all that exists in the world because of machines made here: processes, sockets, networks, files of the provider. */
  leftovers(): Promise<readonly string[]>;
  /** A path that does not exist, and which hostile text tries to create. */
  readonly canary: string;
  close(): Promise<void>;
}

/** Text that has reached command lines, option lists, paths, JSON, XML and format strings of careless providers. */
const hostile = (canary: string): readonly string[] => [
  `$(touch ${canary}); touch ${canary} #`,
  `../../${'x'.repeat(40)}`,
  'a,b=c,file=/etc/passwd,,id=q',
  `"'\`<!--]]>&amp;%s%n\\`,
  'line\nbreak\r\t\u0000\u001b[31m\u202e',
];

const never = (): AbortSignal => new AbortController().signal;
const find = async (provider: Provider, id: MachineId): Promise<Sighting | undefined> => (await provider.list(never())).sightings.find((s) => s.id === id);
const isOver = (s: Sighting | undefined): boolean => s === undefined || s.power === 'off';
/** A cloud says `starting` of an accepted machine until it has booted it. */
const powerOf = (s: Sighting | undefined): Sighting['power'] | undefined => (s?.power === 'starting' ? 'running' : s?.power);

/** Registers the cases that hold for every provider. `docs/providers.md` explains how to write a harness. */
export function providerContract(name: string, makeHarness: () => Promise<Harness>): void {
  describe(`provider contract: ${name}`, { concurrency: false }, () => {
    let harness: Harness;
    let provider: Provider;
    before(async () => {
      harness = await makeHarness();
      provider = await harness.provider();
    });
    after(() => harness?.close());

    const create = async (about?: Partial<MachineOrder>): Promise<MachineOrder> => {
      const order = await harness.order(about);
      await provider.create(order, never());
      return order;
    };
    const nothingLeft = async (...orders: readonly MachineOrder[]): Promise<void> => {
      await Promise.all(orders.map((o) => provider.destroy(o.id, never())));
      const { sightings } = await provider.list(never());
      assert.deepEqual(
        sightings.filter((s) => orders.some((o) => o.id === s.id)),
        [],
        'destroyed machines are not listed',
      );
      assert.deepEqual(await harness.leftovers(), [], 'nothing of a destroyed machine remains');
    };

    it('an empty world is listed completely, and unknown ids are neither shut down nor destroyed with an error', async () => {
      const listed = await provider.list(never());
      assert.equal(listed.complete, true);
      assert.deepEqual(listed.sightings, []);
      const unknown = machineId('00000000-0000-4000-8000-000000000000');
      await provider.shutdown(unknown, never());
      await provider.destroy(unknown, never());
      await provider.destroy(unknown, never());
    });

    it('creation is idempotent by id, a machine outlives the provider object, obeys a shutdown request, and is gone when destroyed', async () => {
      const order = await harness.order();
      await Promise.all([provider.create(order, never()), provider.create(order, never())]);
      await provider.create(order, never());
      const listed = await provider.list(never());
      assert.deepEqual(
        listed.sightings.map((s) => [s.id, powerOf(s)]),
        [[order.id, 'running']],
        'three requests for one id make one machine',
      );
      assert.equal(listed.complete, true);

      const other = await harness.provider();
      assert.equal(powerOf(await find(other, order.id)), 'running', 'a new provider object finds it');
      await other.create(order, never());
      assert.equal((await other.list(never())).sightings.length, 1, 'and does not make it again');

      await harness.booted(order.id);
      if (provider.can.console) {
        assert.ok(other.console !== undefined, 'can.console promises console()');
        const text = await other.console(order.id);
        assert.ok(text.byteLength > 0 && text.byteLength <= order.consoleMaxBytes, `console of ${text.byteLength} bytes`);
      }
      await other.shutdown(order.id, never());
      await other.shutdown(order.id, never());
      await harness.until('the guest obeys', async () => isOver(await find(other, order.id)));
      await other.create(order, never()).catch((error: unknown) => assert.ok(error instanceof ProviderError));
      assert.ok(isOver(await find(other, order.id)), 'a machine that has ended is not started again under its id');
      await nothingLeft(order);
      await nothingLeft(order);
    });

    it('a machine that powered off, one that reset and one that was lost are told apart', async () => {
      const ends = [
        ['power-off', await create(), (id: MachineId) => harness.powerOff(id)],
        ['vanished', await create(), (id: MachineId) => harness.vanish(id)],
        ...(harness.reset === undefined ? [] : [['reset', await create(), (id: MachineId) => harness.reset?.(id)] as const]),
      ] as const;
      await Promise.all(ends.map(([, order]) => harness.booted(order.id)));
      await Promise.all(ends.map(([, order, end]) => end(order.id)));
      const observer = await harness.provider();
      for (const [cause, order] of ends) {
        await harness.until(`${cause} is seen`, async () => isOver(await find(observer, order.id)));
        const seen = await find(observer, order.id);
        // Absence is the other honest answer, and the caller's "vanished" or "unknown"; a wrong cause never is.
        if (seen !== undefined) assert.equal(seen.cause, cause);
      }
      await nothingLeft(...ends.map(([, order]) => order));
    });

    it('a guest that ignores the request runs on until it is destroyed by force', async () => {
      const order = await create();
      await harness.hang(order.id);
      await provider.shutdown(order.id, never());
      assert.equal(powerOf(await find(provider, order.id)), 'running', 'shutdown() only asks, and does not wait');
      await Promise.all([provider.destroy(order.id, never()), provider.destroy(order.id, never())]);
      await nothingLeft(order);
    });

    it('creating and destroying some machines does not disturb the others', async () => {
      const stays = await create();
      const [a, b] = [await harness.order(), await harness.order()];
      await Promise.all([provider.create(a, never()), provider.create(b, never())]);
      await Promise.all([provider.destroy(a.id, never()), provider.shutdown(b.id, never()), provider.create(stays, never())]);
      assert.equal(powerOf(await find(provider, stays.id)), 'running');
      assert.equal(await find(provider, a.id), undefined);
      await nothingLeft(stays, a, b);
    });

    it('an aborted creation leaves nothing, or a machine that destroy removes', async () => {
      const early = await harness.order();
      await assert.rejects(provider.create(early, AbortSignal.abort()), 'an aborted signal means no creation');
      const late = await harness.order();
      const abort = new AbortController();
      const lost = provider.create(late, abort.signal).catch(() => undefined);
      setImmediate(() => abort.abort());
      await lost;
      await nothingLeft(early, late);
    });

    it('an order that cannot be carried out fails with a code and an owner of the fault', async () => {
      const order = await harness.brokenOrder();
      await assert.rejects(provider.create(order, never()), (error: unknown) => {
        assert.ok(error instanceof ProviderError, String(error));
        assert.match(error.code, /^[A-Z][A-Z0-9_]*$/);
        return true;
      });
      assert.ok(isOver(await find(provider, order.id)));
      await nothingLeft(order);
    });

    it('hostile text in an order stays text', async () => {
      for (const text of hostile(harness.canary)) {
        const order = await harness.order({ name: text, machinetype: text, kernelArguments: text });
        // Refusal is allowed; harm and leftovers are not.
        await provider.create(order, never()).catch((error: unknown) => assert.ok(error instanceof ProviderError, String(error)));
        await provider.list(never());
        await provider.destroy(order.id, never());
        assert.equal(existsSync(harness.canary), false, `executed: ${JSON.stringify(text)}`);
        assert.equal(existsSync(join(order.directory, '..', 'x'.repeat(40))), false, `escaped: ${JSON.stringify(text)}`);
        await nothingLeft(order);
      }
    });
  });
}
