import assert from 'node:assert/strict';
import { it } from 'node:test';
import * as fc from 'fast-check';
import { type Machinetype, unlimitedProcessors } from '../machinetype.ts';
import { neutralMachinetype } from '../situation/neutral.ts';
import { chooseFlavor, flavorProblem } from './flavor.ts';
import type { Flavor } from './offer.ts';

const flavor = (name: string, processors: number, memoryMb = 2048 * processors, diskGb = 0): Flavor => ({
  id: `id-${name}`,
  name,
  processors,
  memoryMb,
  diskGb,
});
const type = (flavorNames: readonly string[], more: Partial<Machinetype> = {}, mbPerProcessor?: number): Machinetype => ({
  ...neutralMachinetype,
  name: 'a',
  maxProcessors: unlimitedProcessors,
  ...more,
  cloud: { flavorNames, ...(mbPerProcessor === undefined ? {} : { mbPerProcessor }) },
});
const offered = [flavor('large', 8), flavor('small', 1), flavor('lean', 2, 1024), flavor('medium', 2)];
const chosen = (t: Machinetype): string | undefined => chooseFlavor(t, offered, {})?.name;

it('by name: the first in the order of the configuration whose processors and memory suit', () => {
  assert.equal(chosen(type(['medium', 'small'])), 'medium');
  assert.equal(chosen(type(['small', 'medium'])), 'small');
  assert.equal(chosen(type(['small', 'medium'], { minProcessors: 2 })), 'medium');
  assert.equal(chosen(type(['large', 'medium'], { maxProcessors: 4 })), 'medium');
  assert.equal(chosen(type(['lean', 'medium'], {}, 2048)), 'medium');
  assert.equal(chosen(type(['lean', 'medium'], {}, 512)), 'lean');
  assert.equal(chosen(type(['id-large'])), 'large');
  assert.equal(chosen(type(['gone'])), undefined);
});

it('by size: the smallest that suits, when no names are given', () => {
  assert.equal(chosen(type([])), 'small');
  assert.equal(chosen(type([], { minProcessors: 2 })), 'lean');
  assert.equal(chosen(type([], { minProcessors: 2 }, 1024)), 'medium');
  assert.equal(chosen(type([], { minProcessors: 9 })), undefined);
});

it('what is wrong is told with what there is', () => {
  assert.match(flavorProblem(type(['gone']), offered, {}), /the cloud has no flavor gone; there are large \(8 × 16384 MiB\), small/);
  assert.match(flavorProblem(type(['small'], { minProcessors: 2, maxProcessors: 4 }), offered, {}), /none of its flavors small has 2 to 4 processors; there/);
  assert.match(
    flavorProblem(type([], { minProcessors: 9 }, 4096), [], {}),
    /no flavor of the cloud has 9 or more processors and 4096 MiB per processor; there are none/,
  );
});

it('property: what is chosen suits, and nothing that comes before it does', () => {
  const anyFlavor = fc.record({ processors: fc.integer({ min: 1, max: 8 }), memoryMb: fc.constantFrom(512, 2048, 8192) });
  fc.assert(
    fc.property(
      fc.array(anyFlavor, { maxLength: 6 }),
      fc.shuffledSubarray([0, 1, 2, 3, 4, 5]),
      fc.integer({ min: 1, max: 4 }),
      fc.nat(4),
      (sizes, order, min, more) => {
        const flavors = sizes.map(({ processors, memoryMb }, i) => ({ id: `${i}`, name: `f${i}`, processors, memoryMb, diskGb: 0 }));
        const names = order.map((i) => `f${i}`);
        const t = type(names, { minProcessors: min, maxProcessors: min + more }, 1024);
        const suits = (f: Flavor): boolean => f.processors >= min && f.processors <= min + more && f.memoryMb >= 1024 * f.processors;
        const found = chooseFlavor(t, flavors, {});
        if (names.length > 0) {
          const expected = names.map((n) => flavors.find((f) => f.name === n)).find((f) => f !== undefined && suits(f));
          assert.equal(found?.name, expected?.name);
        } else {
          const least = Math.min(...flavors.filter(suits).map((f) => f.processors));
          assert.equal(found?.processors ?? Number.POSITIVE_INFINITY, least);
        }
      },
    ),
  );
});
