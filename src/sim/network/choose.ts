import type { Agenda } from '../agenda.ts';
import { seeded } from '../random.ts';
import type { Scenario } from '../scenario/types.ts';
import { MembersNetwork } from './members.ts';
import { SharedNetwork, type TypeTiming } from './shared.ts';
import type { NetworkOptions, OnNews, SpaceNetwork } from './types.ts';

/** Up to so many datagrams are simulated one by one, which takes about half a minute. */
const mostDatagrams = 3_000_000;

/** Which network a scenario gets: the one that it names, else members where their datagrams are not too many. */
export function networkKind({ network, hosts, groups, duration, rule }: Scenario): 'members' | 'shared' {
  if (rule === 'vac31') return 'shared';
  if (network.kind !== 'auto') return network.kind;
  const { settings, machinetypes } = groups[0]?.configuration ?? {};
  const rounds = duration / (settings?.spaceRefresh ?? 1);
  return hosts.length * (hosts.length - 1) * rounds * (1 + (machinetypes?.size ?? 0)) <= mostDatagrams ? 'members' : 'shared';
}

export function networkFor(kind: 'members' | 'shared', scenario: Scenario, agenda: Agenda, types: readonly TypeTiming[], onNews: OnNews): SpaceNetwork {
  const { hosts, groups, seed, rule } = scenario;
  const settings = groups[0]?.configuration.settings;
  if (settings === undefined) throw new Error('a scenario has a group of hosts');
  const { space, spaceRefresh: refresh, udpTimeout, push } = settings;
  const options: NetworkOptions = { ...scenario.network, names: hosts.map((host) => host.name), space, refresh, udpTimeout, push };
  const random = seeded(seed, 'network');
  return kind === 'members'
    ? new MembersNetwork(options, agenda, random, onNews)
    : new SharedNetwork({ ...options, machinetypes: types, onDemand: rule === 'vac31' }, agenda, onNews);
}
