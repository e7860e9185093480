import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Machinetype } from './machinetype.ts';
import { diskBytes, newMachine } from './new-machine.ts';
import { neutralMachinetype, neutralSettings } from './situation/neutral.ts';
import { instant, machineId } from './units.ts';

const scratchOf = (machinetype: Partial<Machinetype>, diskGbPerProcessor?: number): number | undefined => {
  const settings = { ...neutralSettings, ...(diskGbPerProcessor !== undefined && { diskGbPerProcessor }) };
  const recipe = { ...neutralMachinetype, name: 'a', ...machinetype };
  const placement = { machinetype: 'a', slot: 1, processors: 2, shutdownTime: instant(2000), superslot: 'new' as const };
  const machine = newMachine(machineId('0b1e2c3d-4f50-4a6b-8c7d-9e0f1a2b3c4d'), placement, recipe, settings, instant(1000));
  const { root, scratch } = diskBytes(machine, recipe, settings);
  if (machine.scratchBytes !== undefined) assert.ok(machine.scratchBytes === root || machine.scratchBytes === scratch, 'it has a disk of that size');
  return machine.scratchBytes;
};

it('the room for work of a CernVM is its empty root disk, of other models the scratch disk (spec/factory.md §11.4, §11.5)', () => {
  for (const model of ['cernvm3', 'cernvm4'] as const) {
    assert.equal(scratchOf({ model }), 80e9);
    assert.equal(scratchOf({ model }, 20), 40e9);
    assert.equal(scratchOf({ model, diskGbPerProcessor: 5 }, 20), 10e9);
    assert.equal(scratchOf({ model, scratchGbPerProcessor: 7 }), 80e9);
  }
  for (const model of ['vm-raw', 'kernel'] as const) {
    assert.equal(scratchOf({ model, diskGbPerProcessor: 5 }, 20), undefined);
    assert.equal(scratchOf({ model, scratchGbPerProcessor: 7 }), 14e9);
  }
});
