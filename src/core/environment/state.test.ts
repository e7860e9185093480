import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EnvironmentState } from './environment.ts';
import { type EnvironmentHistory, environmentState, isOpen } from './state.ts';

const [passed, failed] = [true, false];

describe('state of an environment (spec/environments.md §4.4)', () => {
  const table: readonly (readonly [string, EnvironmentHistory, EnvironmentState])[] = [
    ['image known, no VM ever tried', { trials: [], trying: false }, 'installable'],
    ['being tried', { trials: [], trying: true }, 'installingautomatically'],
    ['last trial VM passed', { trials: [failed, failed, failed, passed], trying: false }, 'installedverified'],
    ['it stays verified while further ones are tried', { trials: [passed], trying: true }, 'installedverified'],
    ['last 3 VMs failed', { trials: [passed, failed, failed, failed], trying: false }, 'installedbroken'],
    ['and another one is tried', { trials: [failed, failed, failed], trying: true }, 'installedbroken'],
    ['two failed after one that passed', { trials: [passed, failed, failed], trying: false }, 'installednotverified'],
    ['two failed, none has passed', { trials: [failed, failed], trying: false }, 'installable'],
    ["administrator's drain", { trials: [passed], trying: false, draining: true }, 'pendingremoval'],
  ];
  for (const [name, history, state] of table) it(name, () => assert.equal(environmentState(history), state));

  it("the administrator's own word counts before everything", () => {
    assert.equal(environmentState({ trials: [passed], trying: true, draining: true }, 'notinstallable'), 'notinstallable');
  });

  it('only installable, installednotverified and installedverified may be matched', () => {
    const open = ['installable', 'installednotverified', 'installedverified'] as const;
    for (const state of open) assert.ok(isOpen(state));
    for (const state of [
      'installationfailed',
      'installedbroken',
      'installingautomatically',
      'installingmanually',
      'notinstallable',
      'pendingremoval',
      'removing',
    ] as const) {
      assert.ok(!isOpen(state), state);
    }
  });
});
