import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { Journal, JournalError } from '../../src/factory/journal.ts';
import { type Misfortune, playSchedule } from './schedule.ts';

const diskBytes = 4 * 2 ** 20;
const page = 4096;
const root = mkdtempSync(join(tmpdir(), 'vacua-disk-'));
const mounts: string[] = [];

/** A small file system of its own below `root`; a reason when this user may not mount one. */
function mount(name: string): { readonly directory: string } | { readonly refused: string } {
  const directory = join(root, name);
  mkdirSync(directory);
  const { status, stderr, error } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${diskBytes}`, 'vacua-test', directory], { encoding: 'utf8' });
  if (status !== 0) return { refused: `no small file system can be mounted here: ${error?.message ?? stderr.trim()}` };
  mounts.push(directory);
  return { directory };
}
after(() => {
  for (const directory of mounts) spawnSync('umount', [directory]);
  rmSync(root, { recursive: true });
});

/** A file that takes all space but some pages, and gives it back. */
class Filler implements Misfortune {
  readonly #fd: number;
  constructor(directory: string) {
    this.#fd = openSync(join(directory, 'filler'), 'w');
  }
  at(random: () => number): void {
    const draw = random();
    if (draw < 0.05) this.fill(Math.floor(random() * 6) * page);
    else if (draw < 0.15) this.end();
  }
  fill(leaving: number): void {
    this.end();
    const block = Buffer.alloc(page);
    let size = 0;
    try {
      for (; size <= diskBytes; size += page) writeSync(this.#fd, block, 0, page, size);
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
    }
    ftruncateSync(this.#fd, Math.max(0, size - leaving));
  }
  end(): void {
    ftruncateSync(this.#fd, 0);
  }
  close(): void {
    closeSync(this.#fd);
  }
}

describe('a disk that fails', () => {
  it('full at any write, with crashes: no leak, no double, no lost usage record (design §4.7)', { timeout: 600_000 }, async (t) => {
    const disk = mount('full');
    if ('refused' in disk) return t.skip(disk.refused);
    const filler = new Filler(disk.directory);
    try {
      let refused = 0;
      for (let seed = 1; seed <= 80; seed++) {
        const report = await playSchedule(10_000 + seed, disk.directory, filler);
        assert.deepEqual(report.broken, [], `seed ${seed}\n${report.stories.join('\n')}`);
        refused += report.refused;
      }
      assert.ok(refused > 80, `the disk refused ${refused} commits`);
    } finally {
      filler.close();
    }
  });

  it('a full disk is a JournalError that changes nothing, and is over when there is room', (t) => {
    const disk = mount('writes');
    if ('refused' in disk) return t.skip(disk.refused);
    const filler = new Filler(disk.directory);
    const journal = new Journal(join(disk.directory, 'journal.db'));
    try {
      journal.commit([{ kind: 'fact', key: 'draining', value: 'no' }]);
      filler.fill(0);
      assert.throws(
        () => {
          for (let i = 0; i < 1000; i++) journal.commit([{ kind: 'fact', key: 'draining', value: 'x'.repeat(page) }]);
        },
        (error) => error instanceof JournalError && error.code === 'UNWRITABLE',
      );
      const kept = journal.fact('draining');
      filler.end();
      journal.commit([{ kind: 'fact', key: 'other', value: 'yes' }]);
      journal.close();
      const again = new Journal(join(disk.directory, 'journal.db'));
      assert.equal(again.fact('draining'), kept, 'memory and disk agree after the failure');
      assert.equal(again.fact('other'), 'yes');
      again.close();
    } finally {
      filler.close();
    }
  });

  it('read-only: refused at the start with the place in the message', (t) => {
    const disk = mount('read-only');
    if ('refused' in disk) return t.skip(disk.refused);
    new Journal(join(disk.directory, 'journal.db')).close();
    const { status, stderr } = spawnSync('mount', ['-o', 'remount,ro', disk.directory], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    assert.throws(
      () => new Journal(join(disk.directory, 'journal.db')),
      (error) => error instanceof JournalError && error.code === 'UNWRITABLE' && error.message.includes(disk.directory),
    );
  });
});
