import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { LogReader } from './log-reader.ts';

const all = (): boolean => true;
function inDirectory(use: (path: string) => void): void {
  const directory = mkdtempSync(join(tmpdir(), 'log-reader-'));
  try {
    use(join(directory, 'factory.log'));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

it('the last lines come from older files when the newest has too few', () => {
  inDirectory((path) => {
    writeFileSync(`${path}.2`, 'a\nb\n');
    writeFileSync(`${path}.1`, 'c\nd\n');
    writeFileSync(path, 'e\nf\n');
    using reader = new LogReader(path);
    const wanted = (line: string): boolean => line !== '' && line !== 'd';
    assert.deepEqual(reader.last(4, wanted), ['b', 'c', 'e', 'f']);
  });
});

it('news are whole lines, also when one is written in parts or in the middle of a character', () => {
  inDirectory((path) => {
    writeFileSync(path, 'one\ntw');
    using reader = new LogReader(path);
    assert.deepEqual([...reader.news()], ['one']);
    const bytes = Buffer.from('o ż\n');
    appendFileSync(path, bytes.subarray(0, 3));
    assert.deepEqual([...reader.news()], []);
    appendFileSync(path, bytes.subarray(3));
    assert.deepEqual([...reader.news()], ['two ż']);
  });
});

it('a rotated file is read to its end before the new one', () => {
  inDirectory((path) => {
    writeFileSync(path, 'one\n');
    using reader = new LogReader(path);
    assert.deepEqual(reader.last(10, all), ['one']);
    appendFileSync(path, 'two\n');
    renameSync(path, `${path}.1`);
    assert.deepEqual([...reader.news()], ['two']);
    writeFileSync(path, 'three\n');
    assert.deepEqual([...reader.news()], ['three']);
  });
});

it('a log that does not exist has no lines', () => {
  inDirectory((path) => {
    using reader = new LogReader(path);
    assert.equal(reader.exists, false);
    assert.deepEqual([...reader.news()], []);
  });
});
