import type { Rule } from '../core/decision.ts';
import type { SpaceReport } from '../core/space/report.ts';
import type { MachineId } from '../core/units.ts';
import type { Provider } from '../providers/contract.ts';
import type { Clock } from './clock.ts';
import type { EventBus } from './events.ts';
import type { HostProbe } from './host.ts';
import type { Journal } from './journal.ts';
import type { Layout } from './layout.ts';
import type { ConfigurationSource, Contextualiser, DemandPart, GuestService, Images, ManagersPart, SpacePart } from './parts.ts';

/** Everything around the loop, handed in: the daemon passes the real ones, tests and simulations others. */
export interface LoopParts {
  readonly factory: string;
  readonly clock: Clock;
  readonly host: HostProbe;
  readonly layout: Layout;
  readonly stateDir: string;
  readonly journal: Journal;
  readonly provider: Provider;
  readonly guests: GuestService;
  readonly contextualiser: Contextualiser;
  readonly images: Images;
  readonly configuration: ConfigurationSource;
  readonly bus: EventBus;
  /** Absent: no other factory is asked or answered. */
  readonly space?: SpacePart;
  /** Absent: no queue is asked, and policy `demand` starts nothing. */
  readonly demand?: DemandPart;
  /** Of a space at a cloud that has a shared directory. Absent: this is its only manager. */
  readonly managers?: ManagersPart;
  /** Adds to the report of the space what is known beside the loop. */
  readonly monitoring?: { completed(report: SpaceReport): SpaceReport };
  readonly rule: Rule;
  readonly random: () => number;
  readonly newId: () => MachineId;
  readonly steps: Steps;
}

/** Called at every boundary between a durable record and an effect. Production does nothing here; crash tests end the process. */
export interface Steps {
  at(name: StepName): void | Promise<void>;
}
export const noSteps: Steps = { at: () => undefined };

export const stepNames = [
  'turn:observed',
  'record:before',
  'record:done',
  'create:begin',
  'create:directory',
  'create:contextualised',
  'create:attached',
  'create:accepted',
  'end:begin',
  'end:asked',
  'destroy:begin',
  'destroy:done',
  'finish:begin',
  'finish:detached',
  'finish:done',
  'forget:begin',
  'forget:files-gone',
  'forget:done',
] as const;
export type StepName = (typeof stepNames)[number];
