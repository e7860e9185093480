import { type Machinetype, unlimitedProcessors } from '../machinetype.ts';
import type { Configuration, HostService, Ipv4Network, Settings, VacuumPipe } from '../settings.ts';
import { cloudOnlyMachinetype, ignoredCloudMachinetype } from './cloud-machinetype-options.ts';
import { secretOptions } from './cloud-options.ts';
import { codeRangesText } from './option-types.ts';
import type { machinetypeTable } from './machinetype-options.ts';
import { maskUrl } from './problem.ts';
import type { settingsTable } from './settings-options.ts';
import { environmentText } from './show-environment.ts';
import { spaceText } from './show-space.ts';

/** What stands for a secret in everything that is printed. */
export const mask = '***';

type Shown<T> = Readonly<Record<keyof T & string, string | number | boolean | undefined>>;

const yes = (value: boolean): string => (value ? 'yes' : 'no');
const words = (values: readonly string[]): string | undefined => (values.length === 0 ? undefined : values.join(' '));
const service = ({ port, host, targetPort }: HostService): string => `${port}=${host.includes(':') ? `[${host}]` : host}:${targetPort}`;

const networkText = ({ address, bits }: Ipv4Network): string => `${[24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.')}/${bits}`;

/** `[settings]` as text that could stand in a file, in the order of the table; options without a value are left out. Unmasked. */
export function settingsText(s: Settings): ReadonlyMap<string, string> {
  const shown: Shown<typeof settingsTable> = {
    vac_space: s.space,
    factories: words([...s.factories, ...(s.discovery ? [`multicast:${s.discovery.group}:${s.discovery.port}`] : [])]),
    description: s.description,
    gocdb_sitename: s.gocdbSitename,
    gocdb_cert_file: s.gocdbCertFile,
    gocdb_key_file: s.gocdbKeyFile,
    total_processors: s.totalProcessors,
    processors_per_superslot: s.processorsPerSuperslot,
    mb_per_processor: s.mbPerProcessor,
    hs06_per_processor: s.hs06PerProcessor,
    overload_per_processor: s.overloadPerProcessor,
    volume_group: s.volumeGroup,
    disk_gb_per_processor: s.diskGbPerProcessor,
    udp_timeout_seconds: s.udpTimeout,
    shutdown_time: s.shutdownTime === undefined ? undefined : s.shutdownTime / 1000,
    draining: yes(s.draining),
    root_public_key: s.rootPublicKey,
    singularity_user: s.singularityUser,
    fix_networking: s.fixNetworking,
    forward_dev: s.forwardDev,
    version_logger: s.versionLogger,
    vacmon_hostport: words(s.vacmonHostports),
    factory_name: s.factoryName,
    provider: s.provider,
    state_dir: s.stateDir,
    cycle_seconds: s.cycle,
    start_rate_per_minute: s.startRatePerMinute,
    boot_concurrency: s.bootConcurrency,
    grace_secs: s.grace,
    group_share: s.groupShare,
    abort_codes: codeRangesText(s.abortCodes ?? [{ from: 300, to: 999 }]),
    share_memory_half_life_hours: (s.shareMemory?.halfLife ?? 0) / 3600,
    share_memory_max_credit: s.shareMemory?.maxCredit,
    min_free_disk_gb: s.minFreeDiskBytes / 1024 ** 3,
    joboutputs_max_mb: s.joboutputsMaxBytes / 1024 ** 2,
    joboutputs_max_files: s.joboutputsMaxFiles,
    console_max_mb: s.consoleMaxBytes / 1024 ** 2,
    host_services: words(s.hostServices.map(service)),
    outbound: yes(s.outbound),
    user_data_fallback: yes(s.userDataFallback),
    old_feature_names: yes(s.oldFeatureNames),
    accelerator: s.accelerator,
    network: s.network,
    vacquery_port: s.vacqueryPort,
    vacquery_address: s.vacqueryAddress,
    space_refresh_seconds: s.spaceRefresh,
    space_key_file: words(s.spaceKeyFiles),
    accept_unsigned_from: words(s.acceptUnsignedFrom),
    accept_queries_from: words(s.acceptQueriesFrom.map(networkText)),
    push: yes(s.push),
    ca_dir: s.caDir,
  };
  return new Map([
    ...present(shown),
    ...family('machinefeatures_option_', s.machinefeaturesOptions),
    ...family('user_data_option_', s.userDataOptions),
    ...family('user_data_file_', s.userDataFiles),
  ]);
}

/** `[machinetype NAME]` likewise, complete: nothing of it comes from elsewhere any more. Unmasked. */
export function machinetypeText(m: Machinetype): ReadonlyMap<string, string> {
  const shown: Shown<typeof machinetypeTable> = {
    target_share: m.targetShare,
    machinegroup: m.machinegroup,
    accounting_fqan: m.accountingFqan,
    machine_model: m.model,
    root_image: m.rootImage,
    image_signing_dn: m.imageSigningDn,
    root_device: m.rootDevice,
    scratch_device: m.scratchDevice,
    user_data: m.userData,
    user_data_proxy: m.userDataProxy,
    legacy_proxy: m.legacyProxy,
    container_command: m.containerCommand,
    cvmfs_repositories: words(m.cvmfsRepositories),
    tmp_binds: words(m.tmpBinds),
    disk_gb_per_processor: m.diskGbPerProcessor,
    min_processors: m.minProcessors,
    max_processors: m.maxProcessors,
    max_wallclock_seconds: m.maxWallclock,
    min_wallclock_seconds: m.minWallclock,
    backoff_seconds: m.backoff,
    fizzle_seconds: m.fizzle,
    heartbeat_file: m.heartbeatFile,
    heartbeat_seconds: m.heartbeat,
    machines_dir_days: m.machinesDirDays,
    root_image_sha256: m.rootImageSha256,
    initrd: m.initrd,
    initrd_sha256: m.initrdSha256,
    kernel_arguments: m.kernelArguments || undefined,
    scratch_gb_per_processor: m.scratchGbPerProcessor,
    backoff_doubling: yes(m.backoffMax !== undefined),
    backoff_max_seconds: m.backoffMax,
    policy: m.demand === undefined ? 'vacuum' : 'demand',
    demand_url: m.demand?.url,
    demand_max_machines: m.demand?.maxMachines,
    tenant: m.tenant,
    queue_token_key: m.queueTokenKey,
    announce_lifetime_as_shutdown: yes(m.announceLifetimeAsShutdown),
  };
  const own = m.cloud === undefined ? present(shown) : cloudText(m, present(shown));
  return new Map([...own, ...family('user_data_option_', m.userDataOptions), ...family('user_data_file_', m.userDataFiles)]);
}

/** Of a machinetype of a space at a cloud: without what is for hosts, with what is for clouds. */
function cloudText({ cloud, maxProcessors, heartbeat }: Machinetype, shown: readonly (readonly [string, string])[]): (readonly [string, string])[] {
  const own: Shown<typeof cloudOnlyMachinetype> = {
    flavor_names: words(cloud?.flavorNames ?? []),
    processors_limit: cloud?.processorsLimit,
    max_starting_processors: cloud?.maxStartingProcessors,
    mb_per_processor: cloud?.mbPerProcessor,
    hs06_per_processor: cloud?.hs06PerProcessor,
    root_public_key: cloud?.rootPublicKey,
    https_x509dn: cloud?.httpsX509dn,
    cvmfs_proxy_machinetype: cloud?.cvmfsProxy && `${cloud.cvmfsProxy.machinetype}:${cloud.cvmfsProxy.port}`,
  };
  const without = (name: string): boolean =>
    Object.hasOwn(ignoredCloudMachinetype, name) ||
    (name === 'max_processors' && maxProcessors === unlimitedProcessors) ||
    (name === 'heartbeat_seconds' && heartbeat === 0);
  return [...shown.filter(([name]) => !without(name)), ...present(own)];
}

const pipeText = (pipe: VacuumPipe): ReadonlyMap<string, string> =>
  new Map([
    ['vacuum_pipe_url', pipe.url],
    ['target_share', String(pipe.targetShare)],
  ]);
/** In a space, plain HTTP has been allowed where it is used. */
const spacePipeText = (pipe: VacuumPipe): ReadonlyMap<string, string> =>
  new Map([...pipeText(pipe), ...(pipe.url.startsWith('https:') ? [] : [['allow_http', 'yes'] as const])]);

const present = (shown: Readonly<Record<string, string | number | boolean | undefined>>): [string, string][] =>
  Object.entries(shown).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]));
const family = (prefix: string, values: ReadonlyMap<string, string>): [string, string][] =>
  [...values].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => [`${prefix}${name}`, value]);

/** What may be printed of an option: values of `user_data_option_XXX` and secrets of a cloud never, nor a user and password in a URL. */
export const shownValue = (option: string, text: string): string =>
  option.startsWith('user_data_option_') || secretOptions.includes(option) ? mask : maskUrl(text);

const masked = (options: ReadonlyMap<string, string>): ReadonlyMap<string, string> =>
  new Map([...options].map(([name, text]) => [name, shownValue(name, text)]));

/** The effective configuration, by section title, every secret masked. */
export function maskedSections({
  settings,
  pipes,
  machinetypes,
  environments = [],
  spaces = new Map(),
  host,
}: Configuration): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const site = settingsText(settings);
  return new Map([
    // Without the name of a space of its own, the host makes no machines.
    ['settings', masked(host === false ? new Map([...site].filter(([name]) => name !== 'vac_space')) : site)],
    ...pipes.map((pipe) => [`vacuum_pipe ${pipe.prefix}`, masked(pipeText(pipe))] as const),
    ...[...machinetypes.values()].map((type) => [`machinetype ${type.name}`, masked(machinetypeText(type))] as const),
    ...environments.map((environment) => [`environment ${environment.name}`, environmentText(environment)] as const),
    ...[...spaces].flatMap(([name, space]) => [
      [`space ${name}`, masked(spaceText(space.settings))] as const,
      ...space.pipes.map((pipe) => [`vacuum_pipe ${name} ${pipe.prefix}`, masked(spacePipeText(pipe))] as const),
      ...[...space.machinetypes.values()].map((type) => [`machinetype ${name} ${type.name}`, masked(machinetypeText(type))] as const),
    ]),
  ]);
}

/** The same in the dialect of the configuration files. */
export const maskedConfiguration = (configuration: Configuration): string => iniText(maskedSections(configuration));

/** Sections in the dialect of the configuration files; later lines of a value are indented. */
export function iniText(sections: ReadonlyMap<string, ReadonlyMap<string, string>>): string {
  const parts = [...sections].map(([title, options]) => {
    const lines = [...options].map(([name, text]) => `${name} = ${text.replaceAll('\n', '\n  ')}`.trimEnd());
    return [`[${title}]`, ...lines, ''].join('\n');
  });
  return parts.join('\n');
}

/** Each machinetype's part of the space, 0 to 1, as far as shares alone decide; those never started have 0. */
export function shareFractions(machinetypes: ReadonlyMap<string, Machinetype>): ReadonlyMap<string, number> {
  const share = (m: Machinetype): number => Math.max(0, m.targetShare);
  const total = [...machinetypes.values()].reduce((sum, m) => sum + share(m), 0);
  return new Map([...machinetypes.values()].map((m) => [m.name, total > 0 ? share(m) / total : 0]));
}

export const percent = (fraction: number): string => `${Number((fraction * 100).toFixed(1))} %`;
