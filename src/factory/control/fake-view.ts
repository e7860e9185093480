import type { Decision, MachinetypeReason } from '../../core/decision.ts';
import type { Machine, UsageRecord } from '../../core/machine.ts';
import type { Observed } from '../../core/observed.ts';
import type { CensusOptions, FactoryAnswer } from '../../core/space/census.ts';
import type { FactoryReport, SpaceReport } from '../../core/space/report.ts';
import { fakeAnswer } from '../../core/space/fake-answers.ts';
import type { AskedKind } from '../../core/vacquery/query.ts';
import { neutralMachinetype, neutralSettings } from '../../core/situation/neutral.ts';
import { type Instant, instant, later, type MachineId, machineId, seconds } from '../../core/units.ts';
import type { PipeState, Problem } from '../parts.ts';
import type { FactoryStatus, FactoryView } from '../view.ts';

/** The moment at which the scripted factory stands. */
export const fakeNow: Instant = instant(Date.UTC(2026, 10, 20, 11, 0, 0));
export const ago = (s: number): Instant => later(fakeNow, -s);
/** `00000007-…` for 7. */
export const fakeId = (n: number): MachineId => machineId(`${String(n).padStart(8, '0')}-0000-4000-8000-000000000000`);

const facts = (n: number, machinetype: string) => ({
  id: fakeId(n),
  name: `wn01-${String(n).padStart(2, '0')}.example.com`,
  slot: n,
  machinetype,
  machinegroup: machinetype,
  model: 'kernel' as const,
  processors: 1,
  memoryMb: 2048,
  fizzle: seconds(600),
  machinesDirDays: 3,
  createdAt: ago(7300),
  shutdownTime: later(fakeNow, 79_200),
});

export const runningMachine = (n: number, machinetype: string, more: Partial<Machine> = {}): Machine =>
  ({ ...facts(n, machinetype), state: 'running', startedAt: ago(7200), heartbeatAt: ago(0), cpuSeconds: seconds(6480), cpuPercent: 98.76, ...more }) as Machine;
export const creatingMachine = (n: number, machinetype: string): Machine => ({ ...facts(n, machinetype), createdAt: ago(90), state: 'creating' });
export const finishedMachine = (n: number, machinetype: string, message: string, more: Partial<Machine> = {}): Machine =>
  ({
    ...facts(n, machinetype),
    state: 'finished',
    startedAt: ago(7200),
    heartbeatAt: ago(300),
    cpuSeconds: seconds(60),
    finishedAt: ago(300),
    outcome: { code: Number(message.slice(0, 3)), message, cause: 'power-off', abort: message >= '300', at: ago(300) },
    ...more,
  }) as Machine;

const reason = (machinetype: string, targetShare: number, hs06: number, verdict: MachinetypeReason['verdict']): MachinetypeReason => ({
  machinetype,
  verdict,
  targetShare,
  hs06,
  machines: hs06,
  score: hs06 / targetShare,
  groupScore: hs06 / targetShare,
  fresh: 0,
});

/** A factory with one machine of each kind, which remembers commands. Tests and bug reports change what they need. */
export class FakeView implements FactoryView {
  readonly commands: string[] = [];
  problems: readonly Problem[] = [];
  pipes: readonly PipeState[] = [];
  records: readonly Machine[] = [runningMachine(0, 'red-prod'), creatingMachine(1, 'blue'), finishedMachine(2, 'blue', '300 No more work')];
  usageRecords: readonly UsageRecord[] = [];
  consoles = new Map<MachineId, Uint8Array>();
  change: Partial<FactoryStatus> = {};
  turn: { observed: Observed; decision: Decision } | undefined = fakeTurn(this.records);
  configured = true;
  /** The space: a neighbour that answers and one that has been silent for two hours. */
  neighbours: readonly FactoryReport[] = [
    { factory: 'wn01.example.com', address: '192.0.2.1', heardAt: fakeNow, machinetypes: [] },
    { factory: 'wn02.example.com', address: '192.0.2.2', silentSince: ago(7200), heardAt: ago(7300), nextTry: later(fakeNow, 240), machinetypes: [] },
    { factory: 'wn03.example.com', address: '192.0.2.3', heardAt: ago(12), machinetypes: [] },
  ];
  ignored: Readonly<Record<string, number>> = {};
  /** What a factory answers; by default those answer that are not silent. */
  answer = (factory: string): FactoryAnswer =>
    fakeAnswer(factory, this.neighbours.some((n) => n.factory === factory && n.silentSince === undefined) ? 'complete' : 'silent');
  readonly #stateDir: string;

  constructor(stateDir: string) {
    this.#stateDir = stateDir;
  }
  status(): FactoryStatus {
    return {
      version: '0.1.0',
      pid: 4711,
      factory: 'wn01.example.com',
      space: 'vac01.example.com',
      provider: 'sim',
      notes: [],
      rule: 'vacua',
      stateDir: this.#stateDir,
      startedAt: ago(86_400),
      ...(this.turn === undefined ? {} : { lastTurnAt: this.turn.observed.now }),
      draining: false,
      slots: 4,
      totalProcessors: 4,
      usedProcessors: 2,
      load: 1.25,
      ...this.change,
    };
  }
  machines(): readonly Machine[] {
    return this.records;
  }
  usage(): readonly UsageRecord[] {
    return this.usageRecords;
  }
  lastTurn(): { observed: Observed; decision: Decision } | undefined {
    return this.turn;
  }
  configuration(): ReturnType<FactoryView['configuration']> {
    const machinetypes = new Map(
      (['red-prod', 'blue'] as const).map((name) => [
        name,
        {
          ...neutralMachinetype,
          name,
          machinegroup: name,
          targetShare: name === 'blue' ? 1 : 3,
          userDataOptions: new Map([['token', 'hunter2']]),
          origin: 'vac.conf:7',
        },
      ]),
    );
    const settings = { ...neutralSettings, space: 'vac01.example.com', factoryName: 'wn01.example.com', userDataOptions: new Map([['key', 'hunter2']]) };
    return {
      configuration: this.configured ? { settings, machinetypes, pipes: [], digest: 'd'.repeat(64) } : undefined,
      problems: this.problems,
      pipes: this.pipes,
    };
  }
  space(): SpaceReport {
    const { space, factory } = this.status();
    return { space, factory, at: fakeNow, port: 995, factories: this.neighbours, ignored: this.ignored };
  }
  async ask(kind: AskedKind, { factories = this.neighbours.map((n) => n.factory), within }: CensusOptions): Promise<readonly FactoryAnswer[]> {
    this.commands.push(`ask ${kind} ${factories.join(' ')} within ${within}`);
    return factories.map((name) => {
      const { factoryFacts, machinetypes, machines, ...answer } = this.answer(name);
      return {
        ...answer,
        ...(kind === 'factories' && factoryFacts !== undefined && { factoryFacts }),
        machinetypes: kind === 'machinetypes' ? machinetypes : [],
        machines: kind === 'machines' ? machines : [],
      };
    });
  }
  async console(id: MachineId): Promise<Uint8Array | undefined> {
    return this.consoles.get(id);
  }
  async drain(on: boolean): Promise<void> {
    this.commands.push(`drain ${on}`);
    this.change = { ...this.change, draining: on };
  }
  async hold(id: MachineId, on: boolean): Promise<boolean> {
    this.commands.push(`hold ${id} ${on}`);
    return this.#isLive(id);
  }
  async destroy(id: MachineId): Promise<boolean> {
    this.commands.push(`destroy ${id}`);
    return this.#isLive(id);
  }
  #isLive(id: MachineId): boolean {
    return this.records.some((m) => m.id === id && m.state !== 'finished');
  }
}

export function fakeTurn(machines: readonly Machine[]): { observed: Observed; decision: Decision } {
  return {
    observed: {
      now: ago(20),
      host: { factory: 'wn01.example.com', processors: 4, load: 1.25, freeDiskBytes: 50e9 },
      machines,
      listing: { state: 'complete', at: ago(21), sightings: [{ id: fakeId(0), power: 'running', startedAt: ago(7200) }], foreignProcessors: 0 },
      inFlight: new Set([fakeId(1)]),
      space: [],
      silent: ['wn02.example.com'],
      preparations: new Map([['blue', { ready: true }]]),
      creationFailures: new Map([['blue', { count: 1, lastAt: ago(4000), why: 'no space left' }]]),
      guestServiceSince: ago(86_000),
      recentStarts: [ago(90)],
    },
    decision: {
      at: ago(20),
      actions: [],
      wakeAt: later(fakeNow, 40),
      reasons: {
        usedProcessors: 2,
        totalProcessors: 4,
        machinetypes: [
          reason('red-prod', 3, 1, { why: 'eligible' }),
          reason('blue', 1, 1, {
            why: 'backing_off',
            until: later(fakeNow, 300),
            lastAbort: ago(300),
            message: '300 No more work',
            factory: 'wn01.example.com',
          }),
        ],
        order: [{ machinetypes: ['red-prod'], groupScore: 1 / 3, score: 1 / 3 }],
      },
    },
  };
}
