import { type Instant, later, seconds } from '../core/units.ts';
import type { Agenda } from './agenda.ts';
import type { SimFactory } from './factory.ts';
import type { SpaceNetwork } from './network/types.ts';
import type { Fault } from './scenario/types.ts';

export interface Stage {
  readonly agenda: Agenda;
  readonly network: SpaceNetwork;
  readonly factories: readonly SimFactory[];
  /** Brings a host's daemon back, when the host is there and nothing else keeps it down. */
  restore(host: number): void;
  /** How many faults keep a host down now. */
  readonly down: Map<number, number>;
}

/** Notes on the agenda what a fault does, host by host. */
export function inject(fault: Fault, stage: Stage): void {
  if (fault.stagger === 0) {
    strike(fault, fault.hosts, fault.at, stage);
    return;
  }
  for (let i = 0; i < fault.hosts.length; i += fault.together) {
    const at = later(fault.at, (i / fault.together) * fault.stagger);
    strike(fault, fault.hosts.slice(i, i + fault.together), at, stage);
  }
}

function strike(fault: Fault, hosts: readonly number[], at: Instant, stage: Stage): void {
  const { agenda, network, factories } = stage;
  const end = fault.lasts === undefined ? undefined : later(at, fault.lasts);
  const each = (what: (factory: SimFactory, index: number) => void) => (): void => {
    for (const index of hosts) {
      const factory = factories[index];
      if (factory !== undefined) what(factory, index);
    }
  };
  const during = (begin: () => void, finish: () => void): void => {
    agenda.at(at, begin);
    if (end !== undefined) agenda.at(end, finish);
  };
  const down = (index: number, by: number): void => void stage.down.set(index, (stage.down.get(index) ?? 0) + by);
  switch (fault.kind) {
    case 'crash':
    case 'daemon':
    case 'reboot':
      if (fault.kind === 'reboot' && fault.notice > 0)
        agenda.at(
          later(at, -fault.notice),
          each((f) => f.setShutdownTime(at)),
        );
      during(
        each((f, index) => {
          down(index, 1);
          if (fault.kind === 'daemon') f.stop();
          else f.crash();
        }),
        each((f, index) => {
          down(index, -1);
          if (fault.kind === 'reboot') f.setShutdownTime(undefined);
          stage.restore(index);
        }),
      );
      break;
    case 'partition': {
      const name = `${fault.name} ${at}`;
      during(
        () => network.cut(name, hosts),
        () => network.heal(name),
      );
      break;
    }
    case 'clock':
      during(
        each((f) => f.stepClock(fault.skew)),
        each((f) => f.stepClock(seconds(-fault.skew))),
      );
      break;
    case 'loss':
      during(
        () => network.setLoss(hosts, fault.loss),
        () => network.setLoss(hosts, undefined),
      );
      break;
    case 'black_hole':
      during(
        each((f) => {
          f.blackHole = { after: fault.after, ...(fault.message !== undefined && { message: fault.message }) };
        }),
        each((f) => {
          f.blackHole = undefined;
        }),
      );
      break;
  }
}
