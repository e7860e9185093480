import { changesByCall } from '../../core/jobs/agent-ad.ts';
import type { RequirementClass } from '../../core/jobs/classes.ts';
import type { AgentFacts } from '../../core/jobs/job.ts';
import type { Instant } from '../../core/units.ts';

type WhyNot = (of: RequirementClass, agent: AgentFacts, now: Instant) => string | undefined;

const mostAgents = 2_000;
/**
 * Remembers which classes fit which kind of machine: thousands of machines are of a few kinds, and jobs of a few classes. The kind is all that an agent is
 * apart from its identity, its time left and the owner that it is bound to; time is compared each time.
 */
export class FitMemory {
  readonly #whyNot: WhyNot;
  readonly #kinds = new Map<string, Map<number, string | false>>();
  readonly #changing = new Map<number, boolean>();

  constructor(whyNot: WhyNot) {
    this.#whyNot = whyNot;
  }

  clear(): void {
    this.#kinds.clear();
    this.#changing.clear();
  }

  of(agent: AgentFacts, now: Instant): (of: RequirementClass) => string | undefined {
    const timeless = { ...agent, timeLeft: Number.MAX_VALUE as AgentFacts['timeLeft'] };
    const known = this.#kind(agent);
    return (of) => {
      if (this.#isChanging(of) || of.requires.wall > agent.timeLeft) return this.#whyNot(of, agent, now);
      let why = known.get(of.id);
      if (why === undefined) {
        why = this.#whyNot(of, timeless, now) ?? false;
        known.set(of.id, why);
      }
      return why === false ? undefined : why;
    };
  }

  #isChanging(of: RequirementClass): boolean {
    let is = this.#changing.get(of.id);
    if (is === undefined) {
      is = changesByCall.test(of.requires.requirements ?? '');
      this.#changing.set(of.id, is);
    }
    return is;
  }

  #kind({ tenant, site, machinetype, environments, processors, memoryMb, diskMb }: AgentFacts): Map<number, string | false> {
    const key = JSON.stringify([tenant, site, machinetype, environments, processors, memoryMb, diskMb ?? null]);
    const known = this.#kinds.get(key);
    if (known !== undefined) return known;
    if (this.#kinds.size >= mostAgents) this.#kinds.clear();
    const kind = new Map<number, string | false>();
    this.#kinds.set(key, kind);
    return kind;
  }
}
