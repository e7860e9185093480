import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configured, settings } from './testing.ts';

const machinetype = (...lines: readonly string[]): string => `${settings}[machinetype a]\nroot_image = a.img\n${lines.join('\n')}\n`;

test('abort_codes: codes and ranges', () => {
  const of = (text: string) => configured(`${settings}abort_codes = ${text}\n`);
  assert.deepEqual(of('300-699 704').configuration?.settings.abortCodes, [
    { from: 300, to: 699 },
    { from: 704, to: 704 },
  ]);
  assert.equal(configured(settings).configuration?.settings.abortCodes, undefined);
  for (const wrong of ['200-299', '699-300', '300,400', '30', '']) {
    const { configuration, lines } = of(wrong);
    assert.equal(configuration, undefined, wrong);
    assert.match(lines.join('\n'), /abort_codes: .*valid: codes and ranges of codes from 300 to 999/);
  }
});

test('share memory: off without a half-life; a credit stays below 1', () => {
  const of = (...lines: readonly string[]) => configured(`${settings}${lines.join('\n')}\n`);
  assert.equal(of('share_memory_max_credit = 0.2').configuration?.settings.shareMemory, undefined);
  assert.deepEqual(of('share_memory_half_life_hours = 12').configuration?.settings.shareMemory, { halfLife: 43_200, maxCredit: 0.5 });
  for (const wrong of ['0', '1', '1.5', '-1', 'x'])
    assert.equal(of('share_memory_half_life_hours = 12', `share_memory_max_credit = ${wrong}`).configuration, undefined);
});

test('backoff_doubling: off by default; backoff_max_seconds not below backoff_seconds', () => {
  const longest = (...lines: readonly string[]) => configured(machinetype(...lines)).configuration?.machinetypes.get('a')?.backoffMax;
  assert.equal(longest('backoff_max_seconds = 900'), undefined);
  assert.equal(longest('backoff_doubling = yes'), 14_400);
  assert.equal(longest('backoff_doubling = yes', 'backoff_max_seconds = 900'), 900);
  const { lines } = configured(machinetype('backoff_doubling = yes', 'backoff_seconds = 600', 'backoff_max_seconds = 60'));
  assert.match(lines.join('\n'), /backoff_max_seconds: 60 is below backoff_seconds, 600/);
});
