import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DownloadSlots } from './download-slots.ts';
import { TestClock } from './test-world.ts';

/** Downloads that end when told, or when their slot is taken away. */
class Downloads {
  readonly clock = new TestClock();
  readonly slots = new DownloadSlots(2, this.clock);
  readonly running: string[] = [];
  readonly #finish = new Map<string, () => void>();
  readonly results: Promise<void>[] = [];

  begin(name: string, tenant: string, signal = new AbortController().signal): Promise<void> {
    const [key = name] = name.split('#');
    const result = this.slots.run({ key, tenant, signal }, async (slot) => {
      this.running.push(name);
      try {
        await new Promise<void>((resolve, reject) => {
          this.#finish.set(name, resolve);
          slot.addEventListener('abort', () => reject(slot.reason));
        });
      } finally {
        this.running.splice(this.running.indexOf(name), 1);
      }
    });
    this.results.push(result);
    return result;
  }
  async finish(name: string): Promise<void> {
    this.#finish.get(name)?.();
    await settle();
  }
}

/** Lets everything happen that can happen without time or events from outside. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('download slots', () => {
  it('are two, and one per URL', async () => {
    const d = new Downloads();
    for (const name of ['a#1', 'a#2', 'b', 'c']) void d.begin(name, 't');
    await settle();
    assert.deepEqual(d.running, ['a#1', 'b']);
    await d.finish('b');
    assert.deepEqual(d.running, ['a#1', 'c']);
    await d.finish('a#1');
    assert.deepEqual(d.running, ['c', 'a#2']);
    await d.finish('a#2');
    await d.finish('c');
    await Promise.all(d.results);
  });

  it('go to the tenant that was served least recently', async () => {
    const d = new Downloads();
    for (const name of ['a1', 'a2', 'a3', 'a4']) void d.begin(name, 'a');
    void d.begin('b1', 'b');
    await settle();
    await d.finish('a1');
    assert.deepEqual(d.running, ['a2', 'b1']);
    await d.finish('b1');
    assert.deepEqual(d.running, ['a2', 'a3']);
  });

  it('are taken from slow downloads after their slice, if another tenant waits, and given back later', async () => {
    const d = new Downloads();
    for (const name of ['a1', 'a2', 'a3']) void d.begin(name, 'a');
    await settle();
    d.clock.advanceIdle(3600);
    await settle();
    assert.deepEqual(d.running, ['a1', 'a2']); // nobody else waits
    void d.begin('b', 'b');
    await settle();
    d.clock.advanceIdle(0);
    await settle();
    assert.deepEqual(d.running, ['a2', 'b']);
    await d.finish('b');
    await d.finish('a2');
    await d.finish('a3');
    assert.deepEqual(d.running, ['a1']);
  });

  it('are not waited for by what is not wanted any more', async () => {
    const d = new Downloads();
    const stop = new AbortController();
    void d.begin('a', 't');
    void d.begin('b', 't');
    const third = d.begin('c', 't', stop.signal);
    await settle();
    stop.abort(new Error('not wanted'));
    await assert.rejects(third, /not wanted/);
    await d.finish('a');
    assert.deepEqual(d.running, ['b']);
    await assert.rejects(d.begin('d', 't', AbortSignal.abort(new Error('too late'))), /too late/);
  });
});
