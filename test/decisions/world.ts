import * as fc from 'fast-check';
import type { Machine } from '../../src/core/machine.ts';
import type { Machinetype } from '../../src/core/machinetype.ts';
import type { Listing, Observed, Sighting } from '../../src/core/observed.ts';
import type { Configuration, Settings } from '../../src/core/settings.ts';
import { neutralMachinetype, neutralSettings } from '../../src/core/situation/neutral.ts';
import { instant, later, machineId, seconds } from '../../src/core/units.ts';

export const now = instant(Date.UTC(2030, 0, 1, 12));
export const idOf = (index: number) => machineId(`00000000-0000-4000-8000-${String(index).padStart(12, '0')}`);

/** A running machine that nothing is wrong with. */
export const running = (index = 0, more: Partial<Machine> = {}): Machine & { state: 'running' } =>
  ({
    id: idOf(index),
    name: `wn01-${index}.example.com`,
    slot: index,
    machinetype: 'a',
    machinegroup: 'a',
    model: 'cernvm3',
    processors: 1,
    memoryMb: 2048,
    fizzle: seconds(600),
    machinesDirDays: 3,
    createdAt: later(now, -5010),
    shutdownTime: later(now, 50_000),
    state: 'running',
    startedAt: later(now, -5000),
    heartbeatAt: later(now, -60),
    cpuSeconds: seconds(100),
    ...more,
  }) as Machine & { state: 'running' };

/** The same in another state. */
export function inState(m: Machine & { state: 'running' }, state: Machine['state']): Machine {
  const { startedAt, heartbeatAt, cpuSeconds, ...facts } = m;
  if (state === 'running') return m;
  if (state === 'creating') return { ...facts, state };
  if (state === 'ending') return { ...facts, startedAt, heartbeatAt, cpuSeconds, state, killReason: 'wallclock', endingSince: later(now, -10) };
  return { ...facts, startedAt, heartbeatAt, cpuSeconds, state, finishedAt: later(now, -50), outcome: { cause: 'power-off', abort: false } };
}

export const settingsWith = (more: Partial<Settings> = {}): Settings => ({ ...neutralSettings, space: 'vac01.example.com', grace: seconds(600), ...more });

export const typeNamed = (name: string, more: Partial<Machinetype> = {}): Machinetype => ({
  ...neutralMachinetype,
  name,
  machinegroup: name,
  targetShare: 1,
  ...more,
});

export const configurationWith = (types: readonly Machinetype[], settings: Partial<Settings> = {}): Configuration => ({
  settings: settingsWith(settings),
  machinetypes: new Map(types.map((type) => [type.name, type])),
  pipes: [],
  digest: '',
});

export const seen = (m: Machine, more: Partial<Sighting> = {}): Sighting => ({ id: m.id, power: 'running', ...more });
export const complete = (sightings: readonly Sighting[] = []): Listing => ({ state: 'complete', at: now, sightings, foreignProcessors: 0 });

export const observedWith = (
  machines: readonly Machine[],
  listing: Listing = complete(machines.filter((m) => m.state !== 'finished').map((m) => seen(m))),
  more: Partial<Observed> = {},
): Observed => ({
  now,
  host: { factory: 'wn01.example.com', processors: 8, load: 0.1 },
  machines,
  listing,
  inFlight: new Set(),
  space: [],
  silent: [],
  preparations: new Map(),
  creationFailures: new Map(),
  guestServiceSince: later(now, -1_000_000),
  recentStarts: [],
  ...more,
});

const anyMachine = fc.record({
  machinetype: fc.constantFrom('a', 'b', 'gone'),
  processors: fc.integer({ min: 1, max: 3 }),
  age: fc.constantFrom(0, 50, 599, 601, 5000, 400_000),
  endsIn: fc.constantFrom(-100, 0, 300, 3600, 50_000),
  file: fc.option(fc.constantFrom(0, 200, 400), { nil: undefined }),
  message: fc.option(fc.constantFrom('200 ok', '300 No work', 'abc', ''), { nil: undefined }),
  held: fc.boolean(),
  contact: fc.boolean(),
  state: fc.constantFrom<Machine['state']>('creating', 'running', 'running', 'running', 'ending', 'finished'),
  power: fc.constantFrom<Sighting['power'] | 'absent'>('running', 'running', 'running', 'off', 'paused', 'unknown', 'absent'),
  inFlight: fc.constantFrom(false, false, false, true),
});

export interface World {
  readonly observed: Observed;
  readonly configuration: Configuration;
}

/** Records and listings that agree or do not, around two configured machinetypes and one that has left the configuration. */
export const anyWorld: fc.Arbitrary<World> = fc
  .record({
    machines: fc.array(anyMachine, { maxLength: 6 }),
    listed: fc.constantFrom<Listing['state']>('complete', 'complete', 'complete', 'partial', 'unknown'),
    strangers: fc.nat(2),
    shares: fc.tuple(fc.constantFrom(0, 1, 3), fc.constantFrom(0, 1)),
    superslot: fc.constantFrom(1, 2, 4),
    minProcessors: fc.constantFrom(1, 1, 2),
    shutdown: fc.option(fc.constantFrom(-60, 300, 5000, 90_000), { nil: undefined, freq: 3 }),
    guestService: fc.option(fc.constantFrom(100, 100_000), { nil: undefined, freq: 5 }),
    rate: fc.constantFrom(0, 2, 100),
    boots: fc.constantFrom(0, 3, 100),
    recent: fc.nat(3),
    journalFault: fc.constantFrom(undefined, undefined, undefined, 'disk full'),
  })
  .map((w): World => {
    const types = ['a', 'b'].map((name, index) =>
      typeNamed(name, {
        targetShare: w.shares[index] ?? 0,
        minWallclock: seconds(300),
        backoff: seconds(600),
        maxProcessors: 4,
        minProcessors: w.minProcessors,
        ...(index === 0 ? { heartbeatFile: 'hb', heartbeat: seconds(300) } : {}),
      }),
    );
    const inFlight = new Set<Machine['id']>();
    const sightings: Sighting[] = Array.from({ length: w.strangers }, (_, i) => ({ id: idOf(100 + i), power: 'running' }));
    const machines = w.machines.map((d, index) => {
      const id = idOf(index);
      if (d.power !== 'absent') sightings.push({ id, power: d.power, cpuSeconds: seconds(120) });
      if (d.inFlight) inFlight.add(id);
      const startedAt = later(now, -d.age);
      const base = running(index, {
        machinetype: d.machinetype,
        processors: d.processors,
        createdAt: later(startedAt, -10),
        startedAt,
        heartbeatAt: later(now, -Math.min(60, d.age)),
        shutdownTime: later(now, d.endsIn),
        ...(d.file === undefined ? {} : { heartbeatFileAt: later(now, -d.file) }),
        ...(d.message === undefined ? {} : { message: { text: d.message, at: later(now, -20) } }),
        ...(d.held ? { held: true } : {}),
        ...(d.contact ? { contactAt: startedAt } : {}),
      });
      return inState(base, d.state);
    });
    const listing: Listing =
      w.listed === 'unknown' ? { state: 'unknown', since: later(now, -5), why: 'no answer' } : { state: w.listed, at: now, sightings, foreignProcessors: 0 };
    const observed = observedWith(machines, listing, {
      inFlight,
      host: { factory: 'wn01.example.com', processors: 8, load: 0.1, ...(w.journalFault === undefined ? {} : { journalFault: w.journalFault }) },
      recentStarts: Array.from({ length: w.recent }, (_, i) => later(now, i - 30)),
    });
    const { guestServiceSince: _since, ...unserved } = observed;
    return {
      observed: w.guestService === undefined ? unserved : { ...observed, guestServiceSince: later(now, -w.guestService) },
      configuration: configurationWith(types, {
        processorsPerSuperslot: w.superslot,
        startRatePerMinute: w.rate,
        bootConcurrency: w.boots,
        ...(w.shutdown === undefined ? {} : { shutdownTime: later(now, w.shutdown) }),
      }),
    };
  });
