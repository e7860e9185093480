import { seconds } from '../../core/units.ts';
import type { Agenda } from '../agenda.ts';
import { seeded } from '../random.ts';
import type { Scenario } from '../scenario/types.ts';
import { SharedNetwork, type TypeTiming } from './shared.ts';
import type { OnNews, SpaceNetwork } from './types.ts';

/** Which network a scenario gets. */
export function membersUpTo(_scenario: Scenario): 'members' | 'shared' {
  return 'shared';
}

export function networkFor(_kind: 'members' | 'shared', scenario: Scenario, agenda: Agenda, machinetypes: readonly TypeTiming[], onNews: OnNews): SpaceNetwork {
  const { network, hosts, seed, rule } = scenario;
  const { refresh, delay, loss } = network;
  return new SharedNetwork(
    { machinetypes, names: hosts.map((host) => host.name), refresh, delay, loss, forgetAfter: seconds(Math.max(300, 3 * refresh)), onDemand: rule === 'vac31' },
    agenda,
    seeded(seed, 'network'),
    onNews,
  );
}
