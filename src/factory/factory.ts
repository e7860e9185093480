import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CloudSettings } from '../core/cloud/settings.ts';
import { isLive, type Machine, type UsageRecord } from '../core/machine.ts';
import type { Settings } from '../core/settings.ts';
import type { CensusOptions, FactoryAnswer } from '../core/space/census.ts';
import type { SpaceReport } from '../core/space/report.ts';
import { type Instant, type MachineId, seconds } from '../core/units.ts';
import { standardPort } from '../core/vacquery/limits.ts';
import type { AskedKind } from '../core/vacquery/query.ts';
import { Loop } from './loop.ts';
import type { LoopParts } from './loop-parts.ts';
import type { CloudStatus, FactoryStatus, FactoryView } from './view.ts';
import { version } from './version.ts';

/** Time in which the other factories may answer before the first decision. */
const firstRound = seconds(2);

/** A factory at work: the loop with its parts, seen and commanded from outside. */
export class Factory implements FactoryView {
  readonly loop: Loop;
  readonly #parts: LoopParts;
  readonly #startedAt: Instant;
  #notes: readonly string[] = [];
  /** Of a space at a cloud: what its keeper says of it. */
  about: Pick<CloudStatus, 'trouble' | 'leaving'> = {};

  constructor(parts: LoopParts) {
    this.#parts = parts;
    this.#startedAt = parts.clock.wall();
    this.loop = new Loop(parts);
  }

  /** Opens the provider; may be called again after it could not be. Rejects with ProviderError. */
  async open(signal: AbortSignal = new AbortController().signal): Promise<void> {
    const { provider, bus, images, configuration, factory } = this.#parts;
    this.#notes = (await provider.open(AbortSignal.any([signal, AbortSignal.timeout(60_000)]))).notes;
    bus.emit('opened', { factory, provider: provider.kind, notes: this.#notes, version });
    provider.watch?.(() => this.loop.wake());
    images.onChange(() => this.loop.wake());
    configuration.onChange(() => this.loop.wake());
  }

  /** Others are listened to first, but not waited for: a decision without them would not know of any back-off. */
  async run(): Promise<void> {
    await this.#parts.space?.settled(firstRound);
    return this.loop.run();
  }

  status(): FactoryStatus {
    const { settings } = this.loop.configuration();
    const last = this.loop.last;
    const used = this.machines().filter(isLive);
    return {
      version,
      pid: process.pid,
      factory: this.#parts.factory,
      space: settings.space,
      provider: this.#parts.provider.kind,
      notes: this.#notes,
      rule: this.#parts.rule,
      stateDir: this.#parts.stateDir,
      startedAt: this.#startedAt,
      ...(last && { lastTurnAt: last.observed.now }),
      draining: settings.draining,
      slots: this.#parts.host.processors,
      totalProcessors: this.#totalProcessors(settings),
      usedProcessors: used.reduce((sum, m) => sum + m.processors, 0),
      load: last?.observed.host.load ?? 0,
      ...(last?.observed.host.freeDiskBytes !== undefined && { freeDiskBytes: last.observed.host.freeDiskBytes }),
      ...(this.loop.journalFault !== undefined && { journalFault: this.loop.journalFault }),
      ...(settings.cloud && { cloud: this.#cloud(settings.cloud) }),
    };
  }

  /** Of a cloud: its limit as the last turn knew it. */
  #totalProcessors({ cloud, totalProcessors }: Settings): number {
    const { host } = this.#parts;
    return cloud ? (this.loop.last?.decision.reasons.totalProcessors ?? cloud.processorsLimit ?? 0) : (totalProcessors ?? host.processors);
  }

  #cloud({ api, manager }: CloudSettings): CloudStatus {
    const { managers, clock } = this.#parts;
    const listing = this.loop.last?.observed.listing;
    const unanswered = listing?.state === 'unknown' && { trouble: { why: listing.why } };
    return { api: api.kind, manager, ...unanswered, ...this.about, ...(managers && { lease: managers.facts(clock.wall()).lease }) };
  }

  machines(): readonly Machine[] {
    return this.#parts.journal.machines().toSorted((a, b) => a.slot - b.slot || a.createdAt - b.createdAt);
  }

  usage(): readonly UsageRecord[] {
    return this.#parts.journal.usage();
  }

  lastTurn(): Loop['last'] {
    return this.loop.last;
  }

  configuration(): ReturnType<FactoryView['configuration']> {
    return this.#parts.configuration.current();
  }

  space(): SpaceReport {
    const report = this.#report();
    return this.#parts.monitoring?.completed(report) ?? report;
  }

  #report(): SpaceReport {
    const { space, factory, clock } = this.#parts;
    if (space) return this.#withTrouble(space.report());
    const alone = { factory, machinetypes: [] };
    return { space: this.loop.configuration().settings.space, factory, at: clock.wall(), port: standardPort, factories: [alone], ignored: {} };
  }

  /** Of a space whose cloud has never answered: it has nothing to report, and that is why. */
  #withTrouble(report: SpaceReport): SpaceReport {
    const { trouble } = this.about;
    if (trouble === undefined) return report;
    const why = `its cloud cannot be reached: ${trouble.why}`;
    return { ...report, factories: report.factories.map((f) => (f.factory === report.factory ? { ...f, why } : f)) };
  }

  ask(kind: AskedKind, options: CensusOptions): Promise<readonly FactoryAnswer[]> {
    return this.#parts.space?.ask(kind, options) ?? Promise.resolve([]);
  }

  async console(id: MachineId): Promise<Uint8Array | undefined> {
    const machine = this.#parts.journal.machine(id);
    if (!machine) return undefined;
    if (isLive(machine)) return this.#parts.provider.console?.(id);
    const kept = ['console.log.1', 'console.log'].map((name) => readFile(join(this.#parts.layout.machine(id), name)).catch(() => Buffer.alloc(0)));
    return Buffer.concat(await Promise.all(kept));
  }

  async drain(on: boolean): Promise<void> {
    this.#parts.journal.commit([{ kind: 'fact', key: 'draining', value: on ? 'yes' : 'no' }]);
    this.loop.wake();
  }

  async hold(id: MachineId, on: boolean): Promise<boolean> {
    const machine = this.#parts.journal.machine(id);
    if (!machine || !isLive(machine)) return false;
    const { held: _held, ...rest } = machine;
    this.#parts.journal.commit([{ kind: 'put', machine: on ? { ...machine, held: true } : (rest as Machine) }]);
    this.loop.wake();
    return true;
  }

  async destroy(id: MachineId): Promise<boolean> {
    const machine = this.#parts.journal.machine(id);
    if (!machine || !isLive(machine)) return false;
    if (machine.state !== 'ending') {
      const { held: _held, ...rest } = machine;
      const endingSince = this.#parts.clock.wall();
      this.#parts.journal.commit([{ kind: 'put', machine: { ...rest, state: 'ending', killReason: 'person', endingSince } as Machine }]);
      await this.#parts.provider.shutdown(id, AbortSignal.timeout(5000));
    }
    this.loop.wake();
    return true;
  }
}
