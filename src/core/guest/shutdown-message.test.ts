import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { cleanShutdownMessage } from './shutdown-message.ts';

const cleaned = (text: string | Uint8Array): string | undefined => cleanShutdownMessage(typeof text === 'string' ? Buffer.from(text) : text);

describe('cleanShutdownMessage', () => {
  const table: [string, string | Uint8Array, string | undefined][] = [
    ['as it should be', '200 Success', '200 Success'],
    ['code alone', '200', '200'],
    ['no code', 'abc', 'abc'],
    ['empty', '', undefined],
    ['blanks only', ' \t \n300 hidden', undefined],
    ['line end', '300 No more work\n', '300 No more work'],
    ['several lines', '300 one\n200 two\r\nthree', '300 one'],
    ['carriage return', '300 one\r200 two', '300 one'],
    ['0xFF', Uint8Array.of(0x33, 0x30, 0x30, 0x20, 0xff, 0xfe, 0x41), '300 ??A'],
    ['other letters', '600 tâche \u202e\u200b', '600 t?che ??'],
    ['terminal sequences', '700 \x1b[2J\x07\0x', '700 ?[2J??x'],
    ['tab', '501\tdisk', '501 disk'],
    ['70 kB', `400 ${'x'.repeat(70_000)}`, `400 ${'x'.repeat(196)}`],
  ];
  for (const [name, content, expected] of table) it(name, () => assert.equal(cleaned(content), expected));

  it('is always one printable line of at most 200 characters', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        const text = cleaned(bytes);
        assert.ok(text === undefined || /^[!-~]([ -~]{0,198}[!-~])?$/.test(text), JSON.stringify(text));
      }),
    );
  });
});
