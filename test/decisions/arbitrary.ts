import * as fc from 'fast-check';
import type { SlowMachine, SlowPeer, SlowSituation, SlowType } from './oracle.ts';

const names = ['a', 'b', 'c', 'd'] as const;
export const anyMessage = fc.constantFrom(
  '',
  '100 Asked',
  '200 Success',
  '299 x',
  '300 No work',
  '3',
  'abc',
  ' 30',
  '+30',
  '-50',
  '999',
  '999x',
  '0300',
  '1e3',
  '30x',
  '700',
);
const anyAgo = fc.constantFrom(-100, 0, 5, 100, 594, 600, 601, 700, 1199, 1201, 5000, 90_000);
const anyEnd = fc.constantFrom(-60, 0, 100, 3600, 5000, 50_000, 86_400, 90_000);

const anyType: fc.Arbitrary<SlowType> = fc
  .record({
    target_share: fc.constantFrom(0, -1, 0.5, 1, 1, 3),
    machinegroup: fc.constantFrom('g', 'h', 'i'),
    sizes: fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 4 })),
    lives: fc.tuple(fc.constantFrom(0, 100, 3600, 5000), fc.constantFrom(0, 45_000, 81_400)),
    backoff_seconds: fc.constantFrom(0, 10, 600),
    fizzle_seconds: fc.constantFrom(0, 300, 600),
    heartbeat: fc.option(fc.constantFrom(0, 300), { nil: undefined }),
  })
  .map(({ sizes, lives, heartbeat, ...rest }) => ({
    ...rest,
    min_processors: sizes[0],
    max_processors: sizes[0] + sizes[1],
    min_wallclock_seconds: lives[0],
    max_wallclock_seconds: Math.max(1, lives[0] + lives[1]),
    ...(heartbeat === undefined ? {} : { heartbeat_file: 'hb' }),
    heartbeat_seconds: heartbeat ?? 0,
  }));

const anyLocal = fc
  .record({
    machinetype: fc.constantFrom(...names, 'unknown'),
    processors: fc.integer({ min: 1, max: 4 }),
    hs06: fc.option(fc.constantFrom(5, 10, 16), { nil: undefined }),
    state: fc.constantFrom('running', 'running', 'running', 'stopped', 'finished', 'starting', 'paused'),
    age: fc.constantFrom(10, 299, 301, 599, 601, 5000),
    quiet: fc.constantFrom(0, 5, 9),
    ends_in: anyEnd,
    message: fc.option(fc.tuple(anyMessage, anyAgo), { nil: undefined }),
    job_heartbeat_ago: fc.option(fc.constantFrom(0, 299, 300, 301, 5000), { nil: undefined }),
  })
  .map(
    ({ age, quiet, message, hs06, job_heartbeat_ago: file, ...m }): Omit<SlowMachine, 'slot'> => ({
      ...m,
      state: m.state as SlowMachine['state'],
      created_ago: age + 10,
      ...(m.state === 'starting' ? {} : { started_ago: age, heartbeat_ago: quiet }),
      ...(hs06 === undefined ? {} : { hs06 }),
      ...(message === undefined ? {} : { shutdown_message: message[0], message_ago: message[1] }),
      ...(file === undefined ? {} : { job_heartbeat_ago: file }),
    }),
  );

const anyPeer: fc.Arbitrary<Omit<SlowPeer, 'factory'>> = fc.record({
  machinetype: fc.constantFrom(...names, 'unknown'),
  running_hs06: fc.integer({ min: 0, max: 30 }),
  running_machines: fc.nat(30),
  num_before_fizzle: fc.constantFrom(0, 0, 1, 3),
  shutdown_message: fc.option(anyMessage),
  shutdown_ago: fc.option(anyAgo),
});

/** Situations with whole numbers, sizes and times chosen to fall on, just below and just above the limits. */
export const anySituation: fc.Arbitrary<SlowSituation> = fc
  .record({
    slots: fc.integer({ min: 4, max: 16 }),
    spare: fc.constantFrom(0, 0, 3),
    load: fc.constantFrom(0, 0, 0, 5, 6.25, 6.26, 30),
    q: fc.constantFrom(1, 2, 4),
    draining: fc.constantFrom('no', 'no', 'no', 'no', 'YES', 'true'),
    shutdown: fc.option(fc.constantFrom(-60, 100, 3600, 5000, 100_000), { nil: undefined, freq: 3 }),
    types: fc.array(anyType, { minLength: 1, maxLength: 4 }),
    locals: fc.array(anyLocal, { maxLength: 4 }),
    peers: fc.array(anyPeer, { maxLength: 5 }),
  })
  .map(({ slots, spare, load, q, draining, shutdown, types, locals, peers }) => ({
    factory: {
      slots,
      total_processors: slots - spare,
      load_average: load,
      processors_per_superslot: q,
      overload_per_processor: 1.25,
      draining,
      ...(shutdown === undefined ? {} : { shutdown_in: shutdown }),
    },
    machinetypes: Object.fromEntries(types.map((type, index) => [names[index] as string, type])),
    local_machines: locals.map((m, slot) => ({ ...m, slot })),
    space: peers.map((p, index) => ({ ...p, factory: `p${index}` })),
  }));
