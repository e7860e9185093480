import { type Machinetype, unlimitedProcessors } from '../machinetype.ts';
import { buildMachinetype, type MachinetypeDefaults, type MachinetypeSource } from './build-machinetype.ts';
import { given } from './build-settings.ts';
import { cloudMachinetypeTable, cloudModels, cloudOnlyMachinetype } from './cloud-machinetype-options.ts';
import type { IniValue } from './ini.ts';
import { readOptions } from './option.ts';
import type { ProblemList } from './problem.ts';
import { scoped } from './sections.ts';

/** What machinetypes take from their space. */
export interface SpaceDefaults extends Pick<MachinetypeDefaults, 'filesDir'> {
  readonly space: string;
  readonly flavorNames: readonly string[];
  readonly machinesDirDays: number;
}

const required = {
  user_data: 'the contextualisation of its machines: a URL, an absolute path or a file name',
  backoff_seconds: 'the pause after an abort, such as 600',
  fizzle_seconds: 'the least time that a machine with work runs, such as 600',
} as const;

/** A machinetype of a space at a cloud with every default applied (spec/cloud.md §1.4); undefined, and problems that disable it, when it cannot be used. */
export function buildCloudMachinetype(source: MachinetypeSource, defaults: SpaceDefaults, problems: ProblemList): Machinetype | undefined {
  const { space, flavorNames, machinesDirDays, filesDir } = defaults;
  const name = scoped(space, source.name);
  const section = `machinetype ${name}`;
  const disables = { kind: 'machinetype', name } as const;
  const options = new Map<string, IniValue>(source.layers.toReversed().flatMap((layer) => [...layer.options]));
  const before = problems.all.length;
  const v = readOptions(cloudOnlyMachinetype, { options, problems, disables, section });
  for (const [option, what] of Object.entries(required)) {
    if (!options.has(option)) problems.error(source.place, option, `required: ${what}`, disables, section);
  }
  const machinetype = buildMachinetype(
    source,
    {
      userData: { options: new Map(), files: new Map() },
      filesDir,
      cloud: { space, table: cloudMachinetypeTable, model: cloudModels[0], maxProcessors: unlimitedProcessors, minWallclock: 0, machinesDirDays },
    },
    problems,
  );
  if (!machinetype || problems.all.slice(before).some((p) => p.severity === 'error')) return undefined;
  const [cache, port = '280'] = v.cvmfs_proxy_machinetype?.split(':') ?? [];
  return {
    ...watched(machinetype, options, section, problems),
    cloud: {
      flavorNames: v.flavor_names ?? flavorNames,
      ...given('processorsLimit', v.processors_limit),
      ...given('maxStartingProcessors', v.max_starting_processors ?? v.processors_limit),
      ...given('httpsX509dn', v.https_x509dn),
      ...given('mbPerProcessor', v.mb_per_processor),
      ...given('hs06PerProcessor', v.hs06_per_processor),
      ...given('rootPublicKey', v.root_public_key),
      ...given('cvmfsProxy', cache === undefined ? undefined : { machinetype: cache, port: Number(port) }),
    },
  };
}

/** Both options are needed to look at heartbeats (spec/cloud.md §1.4). */
function watched(machinetype: Machinetype, options: ReadonlyMap<string, IniValue>, section: string, problems: ProblemList): Machinetype {
  const { heartbeatFile, ...rest } = machinetype;
  if ((heartbeatFile !== undefined) === machinetype.heartbeat > 0) return machinetype;
  const [given, missing] = heartbeatFile === undefined ? ['heartbeat_seconds', 'heartbeat_file'] : ['heartbeat_file', 'heartbeat_seconds'];
  const value = options.get(given ?? '');
  if (value) problems.warn(value.name, given, `has no effect without ${missing}: heartbeats are not looked at`, section);
  return rest;
}
