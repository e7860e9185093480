import { readConfiguration } from '../../core/config/configuration.ts';
import type { Environment } from '../../core/config/environment.ts';
import { type IniFile, readIni } from '../../core/config/ini.ts';
import type { Values } from '../../core/config/option.ts';
import type { ProblemList } from '../../core/config/problem.ts';
import type { Configuration } from '../../core/settings.ts';
import { type Instant, seconds } from '../../core/units.ts';
import type { hostsTable } from './options.ts';
import type { OwnSection } from './read.ts';
import type { HostGroup } from './types.ts';
import type { Moment } from './value-types.ts';

export interface GroupSection {
  readonly section: OwnSection;
  readonly values: Values<typeof hostsTable>;
}

/** Name of the space where a scenario gives none. */
const builtIn = readIni('built-in', '[settings]\nvac_space = sim.example.com\nspace_key_file = /simulated\n');

/** The groups with the configuration that their factories read, as any factory would read it; problems that all of them have are told once. */
export function readGroups(
  sections: readonly GroupSection[],
  site: IniFile,
  moment: (at: Moment) => Instant,
  problems: ProblemList,
): { readonly groups: HostGroup[]; readonly machinetypes: ReadonlySet<string> } {
  const groups: HostGroup[] = [];
  const machinetypes = new Set<string>();
  for (const { section, values: v } of sections) {
    const processors = v.processors ?? 8;
    const configuration = configurationOf(`${section.name}.example.com`, processors, site, problems);
    if (configuration === undefined) continue;
    for (const name of configuration.machinetypes.keys()) machinetypes.add(name);
    groups.push({
      name: section.name,
      count: v.count ?? 1,
      processors,
      boot: seconds(v.boot ?? 60),
      bootSpread: v.boot_spread ?? 0.1,
      joins: moment(v.joins ?? { since: 0 }),
      joinsWithin: seconds(v.joins_within ?? 10),
      ...(v.leaves !== undefined && { leaves: moment(v.leaves) }),
      notice: seconds(v.notice ?? 0),
      configuration: {
        ...configuration,
        settings: {
          ...configuration.settings,
          ...(v.boot_concurrency !== undefined && { bootConcurrency: v.boot_concurrency }),
          ...(v.hs06_per_processor !== undefined && { hs06PerProcessor: v.hs06_per_processor }),
        },
      },
    });
  }
  return { groups, machinetypes };
}

function configurationOf(hostName: string, processors: number, site: IniFile, problems: ProblemList): Configuration | undefined {
  const environment: Environment = {
    hostName,
    processors,
    stateDir: '/var/lib/vacua',
    filesDir: (stateDir, name) => `${stateDir}/machinetypes/${name}/files`,
    spaceDir: (stateDir, space) => `${stateDir}/spaces/${space}`,
    volumeGroupExists: () => true,
    userExists: () => true,
    place: site.file,
  };
  const read = readConfiguration({ files: [builtIn, site], documents: new Map(), environment, digest: 'simulation' });
  for (const p of read.problems) {
    // Machines of a simulation are made of nothing.
    if (p.severity === 'warning' && p.option === undefined && p.text.includes('root_image')) continue;
    if (p.severity === 'warning' && p.option === 'root_image') continue;
    if (p.severity === 'error') problems.error(p, p.option, p.text, { kind: 'configuration' }, p.section);
    else problems.warn(p, p.option, p.text, p.section);
  }
  return read.configuration;
}
