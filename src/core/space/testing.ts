import { type Instant, instant, later, seconds } from '../units.ts';
import { createSpaceMember, type Member } from './member.ts';
import type { SpaceSettings, SpaceTools } from './options.ts';
import type { Datagram, Endpoint, FactoryFacts, MachinetypeFacts, OwnStatus, SlotFacts } from './types.ts';

export const start = instant(Date.UTC(2030, 0, 1));
export const space = 'vac01.example.com';

/** Numbers that look random and are the same in every run. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** 64 digits that depend on every character; for tests that do not judge the hash itself. */
export function toyDigest(text: string): string {
  let digits = '';
  for (let part = 0; part < 8; part++) {
    let h = 2_166_136_261 ^ part;
    for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 16_777_619);
    digits += (h >>> 0).toString(16).padStart(8, '0');
  }
  return digits;
}

export const factoryFacts: FactoryFacts = {
  site: 'EXAMPLE-SITE',
  daemonVersion: 'Vacua 0.1.0',
  runningProcessors: 3,
  runningMachines: 3,
  runningHs06: 31.5,
  maxProcessors: 8,
  maxMachines: 8,
  maxHs06: 84,
  loadAverage15: 3.12,
  rootDiskAvailKb: 41_237_680,
  rootDiskAvailInodes: 3_211_004,
  daemonDiskAvailKb: 198_230_144,
  daemonDiskAvailInodes: 15_502_211,
  kernelVersion: '6.12.0-1-amd64',
  osIssue: 'Debian GNU/Linux 13 (trixie)',
  bootTime: later(start, -1_000_000),
  factoryHeartbeat: later(start, -40),
  responderHeartbeat: start,
  mjfHeartbeat: later(start, -10),
  metadataHeartbeat: later(start, -300),
  swapUsedKb: 0,
  swapFreeKb: 8_388_604,
  memUsedKb: 12_904_512,
  memTotalKb: 32_779_012,
};

export const typeFacts = (machinetype: string, more: Partial<MachinetypeFacts> = {}): MachinetypeFacts => ({
  machinetype,
  runningHs06: 31.5,
  runningMachines: 3,
  runningProcessors: 3,
  numBeforeFizzle: 1,
  bytesPerProcessor: 2_147_483_648,
  minWallclock: seconds(9000),
  maxWallclock: seconds(100_000),
  minProcessors: 1,
  maxProcessors: 1,
  ...more,
});

export const emptySlot = (machine: string): SlotFacts => ({ machine, state: 'Shut down', processors: 0, cpuSeconds: seconds(0), cpuPercent: 0, hs06: 0 });

export const ownStatus = (machinetypes: readonly MachinetypeFacts[], machines: readonly SlotFacts[] = [], at: Instant = start): OwnStatus => ({
  at,
  factory: factoryFacts,
  machinetypes,
  machines,
});

export const settingsOf = (factory: string, factories: readonly string[], more: Partial<SpaceSettings> = {}): SpaceSettings => ({
  space,
  factory,
  factories,
  version: 'Vacua 0.1.0',
  refresh: seconds(30),
  udpTimeout: seconds(10),
  keys: [],
  acceptUnsignedFrom: new Set(),
  push: false,
  ...more,
});

export const toolsOf = (seed: number, more: Partial<SpaceTools> = {}): SpaceTools => {
  const random = seeded(seed);
  return {
    digest: toyDigest,
    salt: () => `${random()}`.padEnd(44, 's').slice(0, 44),
    random,
    session: (Math.floor(random() * 2 ** 40) + 2 ** 44).toString(16).padStart(12, '0').slice(0, 12),
    addressOf: (factory) => ({ host: factory, port: 995 }),
    ...more,
  };
};

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (payload: Uint8Array): string => new TextDecoder().decode(payload);

interface Flight {
  readonly at: Instant;
  readonly from: Endpoint;
  readonly datagram: Datagram;
}

/** Members on one network and one clock: names are addresses. `drop` may lose datagrams. */
export class ToySpace {
  now: Instant = start;
  readonly members = new Map<string, Member>();
  readonly down = new Set<string>();
  readonly log: { readonly at: Instant; readonly from: string; readonly to: string; readonly text: string }[] = [];
  readonly #delaySeconds: number;
  readonly #drop: (from: string, to: string) => boolean;
  #flights: Flight[] = [];

  constructor(delaySeconds = 0.001, drop: (from: string, to: string) => boolean = () => false) {
    this.#delaySeconds = delaySeconds;
    this.#drop = drop;
  }

  join(name: string, factories: readonly string[], settings: Partial<SpaceSettings> = {}, tools: Partial<SpaceTools> = {}): Member {
    const member = createSpaceMember(settingsOf(name, factories, settings), toolsOf(this.members.size + 1, tools), this.now);
    this.members.set(name, member);
    return member;
  }

  send(from: string, datagrams: readonly Datagram[]): void {
    for (const datagram of datagrams) {
      this.log.push({ at: this.now, from, to: datagram.to.host, text: text(datagram.payload) });
      if (this.down.has(from) || this.#drop(from, datagram.to.host)) continue;
      this.#flights.push({ at: later(this.now, this.#delaySeconds), from: { host: from, port: 995 }, datagram });
    }
  }

  /** Runs until nothing is left to do before that moment. */
  runUntil(end: Instant): void {
    for (;;) {
      let next = end;
      for (const [name, member] of this.members) if (!this.down.has(name) && member.nextTick < next) next = member.nextTick;
      for (const { at } of this.#flights) if (at < next) next = at;
      if (next >= end) break;
      this.now = next > this.now ? next : this.now;
      const landed = this.#flights.filter(({ at }) => at <= this.now);
      this.#flights = this.#flights.filter(({ at }) => at > this.now);
      for (const { from, datagram } of landed) {
        const member = this.members.get(datagram.to.host);
        if (member && !this.down.has(datagram.to.host)) this.send(datagram.to.host, member.receive(datagram.payload, from, this.now));
      }
      for (const [name, member] of this.members) if (!this.down.has(name) && member.nextTick <= this.now) this.send(name, member.tick(this.now));
    }
    this.now = end;
  }
}
