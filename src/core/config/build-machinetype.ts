import type { DemandPolicy, MachineModel, Machinetype, PipeFile } from '../machinetype.ts';
import { seconds } from '../units.ts';
import { given } from './build-settings.ts';
import type { IniValue } from './ini.ts';
import { machinetypeFamilies, machinetypeTable } from './machinetype-options.ts';
import { canonical, readFamily, readOptions, type Reader, type Table, type Values } from './option.ts';
import { anyText, file } from './option-types.ts';
import { trialHost } from './pipe-address.ts';
import type { Place, ProblemList } from './problem.ts';
import { scoped } from './sections.ts';
import { mergeUserData, readUserDataFiles, type UserDataLayer } from './user-data.ts';

/** What machinetypes take from `[settings]`. */
export interface MachinetypeDefaults {
  readonly userData: UserDataLayer;
  readonly diskGbPerProcessor?: number;
  filesDir(nameOrPrefix: string): string;
  /** Present: of a space at a cloud. */
  readonly cloud?: CloudDefaults;
}

/** What is otherwise for machinetypes of a space at a cloud than on a host. */
export interface CloudDefaults {
  readonly space: string;
  readonly table: typeof machinetypeTable;
  readonly model: MachineModel;
  readonly maxProcessors: number;
  readonly minWallclock: number;
  readonly machinesDirDays: number;
}

/** Options of one source under their present names: a section of a file, or an entry of a pipe. */
export interface Layer {
  readonly options: ReadonlyMap<string, IniValue>;
  readonly userData: UserDataLayer;
}

/** Reads names and families of one section, and tells what is wrong with them once, however many machinetypes inherit it. */
export function readLayer(reader: Reader, table: Table = machinetypeTable): Layer {
  const options = readFamily('user_data_option_', anyText, reader);
  const files = readUserDataFiles(readFamily('user_data_file_', file, reader), options, reader.problems, reader.section);
  return { options: canonical(table, reader), userData: { options: texts(options), files: texts(files) } };
}

const texts = (family: ReadonlyMap<string, IniValue>): ReadonlyMap<string, string> => new Map([...family].map(([name, value]) => [name, value.text]));
export const families = Object.keys(machinetypeFamilies);

export interface MachinetypeSource {
  readonly name: string;
  /** Most important first. */
  readonly layers: readonly Layer[];
  /** Name of its directory: its own, or the prefix of its pipe (spec/factory.md §4). */
  readonly directory: string;
  readonly origin: string;
  readonly place: Place;
  /** For a machinetype of a pipe: the pipe's URL, and the layer which the pipe has written. */
  readonly pipe?: { readonly url: string; readonly layer: Layer };
  /** Share that follows from a pipe, when no layer sets one. */
  readonly share?: number;
}

const pipeFiles = { rootImage: 'root_image', initrd: 'initrd', userData: 'user_data' } as const satisfies Record<PipeFile, string>;

/** Files whose URLs come from this layer: no more important one gives another. */
const namedBy = (layer: Layer, options: ReadonlyMap<string, IniValue>): PipeFile[] =>
  (['rootImage', 'initrd', 'userData'] as const).filter((file) => {
    const value = layer.options.get(pipeFiles[file]);
    return value !== undefined && /^https?:/.test(value.text) && options.get(pipeFiles[file]) === value;
  });

type Tell = (option: string, text: string) => void;

/** Policy `demand`, with what it needs; undefined: policy `vacuum`. */
function demandOf(v: Values<typeof machinetypeTable>, refuse: Tell, warn: Tell): DemandPolicy | undefined {
  const options = ['demand_url', 'demand_max_machines'] as const;
  if (v.policy !== 'demand') {
    for (const option of options) if (v[option] !== undefined) warn(option, 'has no effect with policy = vacuum; valid with demand');
    return undefined;
  }
  for (const option of ['demand_url', 'tenant', 'queue_token_key'] as const) {
    if (v[option] === undefined) refuse(option, 'required with policy = demand, which asks the queue of its tenant for the number of waiting jobs');
  }
  return v.demand_url === undefined ? undefined : { url: v.demand_url, ...given('maxMachines', v.demand_max_machines) };
}

/** A machinetype with every default applied; undefined, and problems that disable it, when it cannot be used. */
export function buildMachinetype(source: MachinetypeSource, defaults: MachinetypeDefaults, problems: ProblemList): Machinetype | undefined {
  const { name } = source;
  const { cloud } = defaults;
  const disables = { kind: 'machinetype', name: scoped(cloud?.space, name) } as const;
  const section = `machinetype ${disables.name}`;
  const options = new Map<string, IniValue>(source.layers.toReversed().flatMap((layer) => [...layer.options]));
  const before = problems.all.length;
  const v = readOptions(cloud?.table ?? machinetypeTable, { options, problems, disables, section });
  const refuse = (option: string, text: string): void => problems.error(options.get(option)?.place ?? source.place, option, text, disables, section);
  const warn = (option: string, text: string): void => problems.warn(options.get(option)?.place ?? source.place, option, text, section);

  const model = v.machine_model ?? cloud?.model ?? 'cernvm3';
  const [least, most] = [v.min_processors ?? 1, v.max_processors ?? cloud?.maxProcessors ?? 1];
  if (least > most)
    refuse(
      options.has('max_processors') ? 'max_processors' : 'min_processors',
      `the largest machine would be ${most} and the smallest ${least} processors; valid: max_processors not below min_processors`,
    );
  const image = v.root_image;
  if (image?.startsWith('docker://') && model !== 'docker')
    refuse('root_image', 'docker:// needs machine_model = docker; valid for other models: a URL, a path or a file name');
  if (image === undefined && (v.target_share ?? source.share ?? 0) > 0)
    warn('root_image', 'not given: no machine of this type can be made; valid: a URL, an absolute path or a file name');
  for (const option of ['initrd', 'initrd_sha256', 'kernel_arguments'] as const) {
    if (v[option] !== undefined && v[option] !== '' && model !== 'kernel') warn(option, `has no effect with machine_model = ${model}; valid with kernel`);
  }
  const maxWallclock = v.max_wallclock_seconds ?? 86_400;
  if (v.min_wallclock_seconds !== undefined && v.min_wallclock_seconds > maxWallclock)
    warn('min_wallclock_seconds', `greater than max_wallclock_seconds, ${maxWallclock}: it never fits into an existing superslot`);
  const [backoff, backoffMax] = [v.backoff_seconds ?? 10, v.backoff_max_seconds ?? 14_400];
  if (v.backoff_doubling === true && backoffMax < backoff)
    warn('backoff_max_seconds', `${backoffMax} is below backoff_seconds, ${backoff}: the pause is not doubled; valid: ${backoff} or more`);
  const demand = demandOf(v, refuse, warn);
  if (v.queue_token_key !== undefined && v.tenant === undefined) refuse('queue_token_key', 'needs the tenant that the key belongs to; add tenant = NAME');
  if (problems.all.slice(before).some((p) => p.severity === 'error')) return undefined;

  const userData = mergeUserData(...source.layers.map((layer) => layer.userData), defaults.userData);
  const disk = (v.disk_gb_per_processor ?? defaults.diskGbPerProcessor) || undefined;
  return {
    name,
    targetShare: v.target_share ?? source.share ?? 0,
    machinegroup: v.machinegroup ?? (cloud ? name : (v.accounting_fqan ?? name)),
    ...given('accountingFqan', v.accounting_fqan),
    model,
    ...given('rootImage', image),
    ...given('rootImageSha256', v.root_image_sha256),
    ...given('initrd', v.initrd),
    ...given('initrdSha256', v.initrd_sha256),
    kernelArguments: v.kernel_arguments ?? '',
    ...given('imageSigningDn', v.image_signing_dn),
    rootDevice: v.root_device ?? 'vda',
    scratchDevice: v.scratch_device ?? 'vdb',
    ...given('userData', v.user_data),
    userDataOptions: userData.options,
    userDataFiles: userData.files,
    userDataProxy: v.user_data_proxy ?? false,
    legacyProxy: v.legacy_proxy ?? false,
    containerCommand: v.container_command ?? '/user_data',
    cvmfsRepositories: v.cvmfs_repositories ?? [],
    tmpBinds: v.tmp_binds ?? [],
    ...given('diskGbPerProcessor', disk),
    ...given('scratchGbPerProcessor', v.scratch_gb_per_processor || undefined),
    minProcessors: least,
    maxProcessors: most,
    maxWallclock: seconds(maxWallclock),
    minWallclock: seconds(v.min_wallclock_seconds ?? cloud?.minWallclock ?? maxWallclock),
    backoff: seconds(backoff),
    ...given('backoffMax', v.backoff_doubling === true ? seconds(Math.max(backoff, backoffMax)) : undefined),
    fizzle: seconds(v.fizzle_seconds ?? 600),
    ...given('heartbeatFile', v.heartbeat_file),
    heartbeat: seconds(v.heartbeat_seconds ?? 0),
    machinesDirDays: v.machines_dir_days ?? cloud?.machinesDirDays ?? 3,
    ...given('demand', demand),
    ...given('queueTokenKey', v.queue_token_key),
    ...given('tenant', v.tenant),
    announceLifetimeAsShutdown: v.announce_lifetime_as_shutdown ?? false,
    ...given('pipe', source.pipe && { host: trialHost(source.pipe.url), names: namedBy(source.pipe.layer, options) }),
    filesDir: defaults.filesDir(source.directory),
    origin: source.origin,
  };
}
