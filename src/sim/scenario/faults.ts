import { placeIn } from '../../core/config/ini.ts';
import type { Values } from '../../core/config/option.ts';
import { everything, type ProblemList, quoted } from '../../core/config/problem.ts';
import { didYouMean } from '../../core/config/suggest.ts';
import { type Instant, seconds } from '../../core/units.ts';
import type { faultTable } from './options.ts';
import type { OwnSection } from './read.ts';
import type { Fault, Host } from './types.ts';
import type { Moment } from './value-types.ts';

interface Surroundings {
  readonly hosts: readonly Host[];
  moment(at: Moment): Instant;
  readonly problems: ProblemList;
}

/** One fault with its hosts found; undefined, and problems, when it cannot be used. */
export function faultOf(section: OwnSection, v: Values<typeof faultTable>, { hosts, moment, problems }: Surroundings): Fault | undefined {
  const required = (option: 'kind' | 'at', example: string): void => {
    if (!section.options.has(option)) problems.error(section.place, option, `required: add ${option} = ${example}`, everything, section.title);
  };
  required('kind', 'crash');
  required('at', '2h');
  const found = hostsOf(section, v.hosts ?? 'all', hosts, problems);
  if (v.kind === undefined || v.at === undefined) return undefined;
  return {
    name: section.name,
    kind: v.kind,
    hosts: found,
    at: moment(v.at),
    ...(v.lasts !== undefined && { lasts: seconds(v.lasts) }),
    stagger: seconds(v.stagger ?? 0),
    together: v.together ?? 1,
    notice: seconds(v.notice ?? 0),
    skew: seconds(v.skew ?? 3600),
    loss: v.loss ?? 0.2,
    after: seconds(v.after ?? 5),
    ...(v.message !== undefined && { message: v.message }),
  };
}

/** Groups, hosts with or without domain, and ranges of hosts, in the order of the scenario. */
function hostsOf(section: OwnSection, text: string, hosts: readonly Host[], problems: ProblemList): number[] {
  const short = hosts.map((host) => host.name.slice(0, host.name.indexOf('.')));
  const index = (word: string): number => {
    const at = short.indexOf(word);
    return at >= 0 ? at : hosts.findIndex((host) => host.name === word);
  };
  const chosen = new Set<number>();
  for (const { 0: word, index: offset } of text.toLowerCase().matchAll(/[^\s,]+/g)) {
    const [from = '', to] = word.split('..');
    const first = index(from);
    const last = to === undefined ? first : index(to);
    if (first >= 0 && last >= first) for (let i = first; i <= last; i++) chosen.add(i);
    else if (to === undefined && (word === 'all' || hosts.some((host) => host.group.name === word))) {
      for (const [i, host] of hosts.entries()) if (word === 'all' || host.group.name === word) chosen.add(i);
    } else if (hosts.length > 0) {
      const value = section.options.get('hosts');
      const known = [...new Set(hosts.map((host) => host.group.name)), ...short.slice(0, 1000), 'all'];
      problems.error(
        value === undefined ? section.place : placeIn(value, offset),
        'hosts',
        `${quoted(word)} is no host; valid: a group, a host such as ${short[0] ?? 'wn-1'}, a range A..B, or all${didYouMean(from, known)}`,
        everything,
        section.title,
      );
    }
  }
  return [...chosen].sort((a, b) => a - b);
}
