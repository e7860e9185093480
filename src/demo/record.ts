import type { Decision, Verdict } from '../core/decision.ts';
import { isLive, type Machine, type Outcome } from '../core/machine.ts';
import { elapsed, type Instant, type MachineId, type Seconds } from '../core/units.ts';
import type { Listener } from '../factory/events.ts';
import { tenantOf, tenants, type TenantName } from './site.ts';

/** What the demonstration has seen of its factory, from events and from samples of its machines. */
export class DemoRecord {
  /** Machines that ended, oldest first. */
  readonly finished: Machine[] = [];
  /** Of each start: seconds from its record until the machine ran, and how many of these were the provider's. */
  readonly starts: { readonly whole: Seconds; readonly provider: Seconds }[] = [];
  readonly failures: string[] = [];
  /** Tenants seen backing off because their queue had no more work. */
  readonly dry = new Set<TenantName>();
  decision: Decision | undefined;
  readonly #accepted = new Map<MachineId, Seconds>();
  #shares = new Map<TenantName, number>();
  #sampledAt: Instant | undefined;
  #competing = false;

  /** Hears the events of a factory. */
  listener(): Listener {
    return {
      decided: (decision) => {
        this.decision = decision;
        for (const { name } of tenants) if (isDry(this.verdict(name))) this.dry.add(name);
      },
      performed: ({ action, machine, took }) => {
        const provider = machine && this.#accepted.get(machine.id);
        if (action.kind === 'create' && provider !== undefined) this.starts.push({ whole: took, provider });
      },
      failed: ({ action, error }) => {
        this.failures.push(`${action.kind}: ${error instanceof Error ? error.message : String(error)}`);
      },
      finished: ({ machine, outcome }) => {
        this.finished.push(withOutcome(machine, outcome));
      },
    };
  }

  /** Notes how long the provider took to accept a machine. */
  readonly accepted = (id: MachineId, took: Seconds): void => {
    this.#accepted.set(id, took);
  };

  verdict(tenant: TenantName): Verdict | undefined {
    return this.decision?.reasons.machinetypes.find((m) => tenantOf(m.machinetype) === tenant)?.verdict;
  }

  /**
   * Adds the time since the last sample to the shares. Shares are owed only to those who can start machines: time counts while
   * tenants compete, from the moment when every slot is taken and every tenant has a machine until one has no work or backs off.
   */
  sample(machines: readonly Machine[], slots: number, haveWork: boolean, now: Instant): void {
    const owners = machines.filter(isLive).map((m) => tenantOf(m.machinetype));
    const since = this.#sampledAt;
    this.#sampledAt = now;
    if (!haveWork || tenants.some(({ name }) => isBackingOff(this.verdict(name)))) this.#competing = false;
    else this.#competing ||= owners.length >= slots && tenants.every(({ name }) => owners.includes(name));
    if (since === undefined || !this.#competing) return;
    for (const tenant of owners) if (tenant !== undefined) this.#shares.set(tenant, (this.#shares.get(tenant) ?? 0) + elapsed(since, now));
  }

  /** Part of the machine-seconds sampled, 0 to 1; undefined before the first. */
  reached(tenant: TenantName): number | undefined {
    const all = this.#shares.values().reduce((sum, s) => sum + s, 0);
    return all === 0 ? undefined : (this.#shares.get(tenant) ?? 0) / all;
  }

  /** Ended for a missing heartbeat. */
  hung(): readonly Machine[] {
    return this.finished.filter((m) => m.state === 'finished' && (m.outcome.killReason === 'heartbeat-old' || m.outcome.killReason === 'heartbeat-missing'));
  }

  /** `200 ×3, 300 ×1`: how the machines of a tenant ended, by the first word of their message. */
  outcomes(tenant: TenantName): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const m of this.finished) {
      if (m.state !== 'finished' || tenantOf(m.machinetype) !== tenant) continue;
      const word = m.outcome.code === undefined ? (m.outcome.killReason ?? m.outcome.cause) : String(m.outcome.code);
      counts.set(word, (counts.get(word) ?? 0) + 1);
    }
    return counts;
  }
}

const withOutcome = (machine: Machine, outcome: Outcome): Machine => (machine.state === 'finished' ? { ...machine, outcome } : machine);

const isDry = (v: Verdict | undefined): boolean => (v?.why === 'backing_off' || v?.why === 'scout_out') && v.message.startsWith('3');
const isBackingOff = (v: Verdict | undefined): boolean => v?.why === 'backing_off' || v?.why === 'scout_out';
