import type { Settings, ShareMemory } from '../settings.ts';
import { instant, seconds } from '../units.ts';
import { earlyProcessors } from './early.ts';
import type { Environment } from './environment.ts';
import type { IniValue } from './ini.ts';
import { namesOf, readFamily, readOptions, warnIgnored, warnUnknown } from './option.ts';
import { anyText, file } from './option-types.ts';
import { everything, type Place, type ProblemList, quoted } from './problem.ts';
import { type Section, type Sections, withDefaults } from './sections.ts';
import { ignoredSettings, settingsFamilies, settingsTable } from './settings-options.ts';
import { readUserDataFiles } from './user-data.ts';

const section = 'settings';

/**
 * `[settings]` with every default applied and every rule between options checked; undefined when it must be refused.
 * `hostless`: this host makes no machines, so that neither the section nor the name of a space is needed.
 */
export function buildSettings(sections: Sections, environment: Environment, problems: ProblemList, hostless = false): Settings | undefined {
  const own = sections.settings ?? { title: section, place: { file: environment.place, line: 0, column: 0 }, options: new Map<string, IniValue>() };
  const options = withDefaults(own, sections.defaults);
  const before = problems.all.length;
  warnUnknown(own.options, [...Object.keys(ignoredSettings), ...namesOf(settingsTable)], Object.keys(settingsFamilies), problems, section);
  warnIgnored(options, ignoredSettings, problems, section);
  const reader = { options, problems, disables: everything, section };
  const v = readOptions(settingsTable, reader);
  const at = (option: string): Place => options.get(option)?.place ?? own.place;
  const refuse = (option: string, text: string, place = at(option)): void => problems.error(place, option, text, everything, section);

  if (v.vac_space === undefined && !options.has('vac_space') && !hostless)
    refuse('vac_space', `required: add vac_space = NAME to [settings], NAME like vac01.example.com${misspelt(sections)}`);
  const factoryName = v.factory_name ?? environment.hostName.toLowerCase();
  if (!factoryName.includes('.') && !(hostless && !options.has('factory_name')) && !(options.has('factory_name') && v.factory_name === undefined)) {
    const which = options.has('factory_name') ? quoted(factoryName) : `the host name ${quoted(factoryName)}`;
    refuse('factory_name', `${which} contains no dot; set factory_name in [settings] to a fully qualified name such as ${factoryName || 'wn01'}.example.com`);
  }
  const factories = factoryNames(v.factories ?? [], factoryName, options.get('factories'), refuse);
  for (const file of v.space_key_file ?? []) {
    const fault = environment.keyFileFault?.(file);
    if (fault !== undefined) refuse('space_key_file', fault);
  }
  if (v.push === true && (v.space_key_file ?? []).length === 0) {
    problems.warn(at('push'), 'push', 'has no effect without space_key_file: nobody believes what is not signed', section);
  }
  if (v.vac_space !== undefined && [...factories, factoryName].includes(v.vac_space.toLowerCase())) {
    refuse('vac_space', `${v.vac_space} is the name of a factory; valid: a name of its own for the space`);
  }
  earlyFactories(sections.factories, options.has('factories'), problems);
  const slots = { factoryName, perMachine: v.processors_per_superslot ?? 1, given: v.total_processors !== undefined, environment };
  const early = earlyProcessors(sections.virtualMachines, slots, problems);
  if (v.total_processors !== undefined && v.total_processors > environment.processors) {
    refuse(
      options.has('cpu_total') ? 'cpu_total' : 'total_processors',
      `${v.total_processors} is more than the host has; valid: 0 to ${environment.processors}`,
    );
  }
  const volumeGroup = v.volume_group ?? (environment.volumeGroupExists('vac_volume_group') ? 'vac_volume_group' : undefined);
  if (v.volume_group !== undefined && !environment.volumeGroupExists(v.volume_group)) {
    refuse('volume_group', `there is no volume group ${quoted(v.volume_group)} on this host; valid: an existing one, or leave the option out`);
  }
  if (v.singularity_user !== undefined && !environment.userExists(v.singularity_user)) {
    refuse('singularity_user', `there is no user ${quoted(v.singularity_user)} on this host; valid: an existing user other than root`);
  }
  if (v.singularity_user === 'root') refuse('singularity_user', 'containers must not run as root; valid: an existing user other than root');
  const machinefeaturesOptions = readFamily('machinefeatures_option_', anyText, reader);
  const userDataOptions = readFamily('user_data_option_', anyText, reader);
  const userDataFiles = readUserDataFiles(readFamily('user_data_file_', file, reader), userDataOptions, problems, section);
  if (problems.all.slice(before).some((p) => p.disables.kind === 'configuration')) return undefined;
  const space = v.vac_space ?? (hostless ? factoryName : undefined);
  if (space === undefined) return undefined;

  return {
    space,
    factories,
    ...given('description', v.description),
    ...given('gocdbSitename', v.gocdb_sitename),
    ...given('gocdbCertFile', v.gocdb_cert_file),
    ...given('gocdbKeyFile', v.gocdb_key_file),
    ...given('totalProcessors', v.total_processors ?? early),
    processorsPerSuperslot: v.processors_per_superslot ?? 1,
    mbPerProcessor: v.mb_per_processor ?? 2048,
    ...given('hs06PerProcessor', v.hs06_per_processor),
    overloadPerProcessor: v.overload_per_processor ?? 1.25,
    ...given('volumeGroup', volumeGroup),
    ...given('diskGbPerProcessor', v.disk_gb_per_processor || undefined),
    udpTimeout: seconds(v.udp_timeout_seconds ?? 10),
    ...given('shutdownTime', v.shutdown_time === undefined ? undefined : instant(v.shutdown_time * 1000)),
    draining: v.draining ?? false,
    rootPublicKey: v.root_public_key ?? '/root/.ssh/id_rsa.pub',
    ...given('singularityUser', v.singularity_user),
    fixNetworking: v.fix_networking ?? true,
    ...given('forwardDev', v.forward_dev),
    versionLogger: v.version_logger ?? 0,
    vacmonHostports: v.vacmon_hostport ?? [],
    machinefeaturesOptions: texts(machinefeaturesOptions),
    userDataOptions: texts(userDataOptions),
    userDataFiles: texts(userDataFiles),
    factoryName,
    provider: v.provider ?? 'qemu',
    stateDir: environment.stateDirGiven ?? v.state_dir?.replace(/(?<=.)\/+$/, '') ?? environment.stateDir,
    cycle: seconds(v.cycle_seconds ?? 10),
    startRatePerMinute: v.start_rate_per_minute ?? 60,
    bootConcurrency: v.boot_concurrency ?? Math.max(1, Math.floor(1.5 * environment.processors)),
    grace: seconds(v.grace_secs ?? 0),
    groupShare: v.group_share ?? 'sum',
    ...given('abortCodes', v.abort_codes),
    ...given('shareMemory', shareMemory(v.share_memory_half_life_hours ?? 0, v.share_memory_max_credit ?? 0.5)),
    minFreeDiskBytes: Math.round((v.min_free_disk_gb ?? 1) * 1024 ** 3),
    joboutputsMaxBytes: (v.joboutputs_max_mb ?? 100) * 1024 ** 2,
    joboutputsMaxFiles: v.joboutputs_max_files ?? 1000,
    consoleMaxBytes: Math.round((v.console_max_mb ?? 1) * 1024 ** 2),
    hostServices: v.host_services ?? [],
    outbound: v.outbound ?? true,
    userDataFallback: v.user_data_fallback ?? false,
    oldFeatureNames: v.old_feature_names ?? true,
    accelerator: v.accelerator ?? 'auto',
    network: v.network ?? 'auto',
    vacqueryPort: v.vacquery_port ?? 995,
    ...given('vacqueryAddress', v.vacquery_address),
    spaceRefresh: seconds(v.space_refresh_seconds ?? 30),
    spaceKeyFiles: v.space_key_file ?? [],
    acceptUnsignedFrom: canonicalNames(v.accept_unsigned_from ?? [], factoryName),
    acceptQueriesFrom: v.accept_queries_from ?? [],
    push: v.push ?? false,
    ...given('discovery', discoveryOf(v.factories ?? [])),
    caDir: v.ca_dir ?? '/etc/grid-security/certificates',
  };
}

const shareMemory = (hours: number, maxCredit: number): ShareMemory | undefined => (hours > 0 ? { halfLife: seconds(hours * 3600), maxCredit } : undefined);

const texts = (family: ReadonlyMap<string, IniValue>): ReadonlyMap<string, string> => new Map([...family].map(([name, value]) => [name, value.text]));

/** A property that is left out when there is no value for it. */
export const given = <K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } =>
  value === undefined ? {} : ({ [key]: value } as { readonly [P in K]: V });

const misspelt = (sections: Sections): string => (sections.settings ? '' : ' (there is no section [settings] yet)');

/** `.` is this factory, and a name without a dot gets its domain (spec/factory.md §3.2). */
function factoryNames(
  names: readonly string[],
  factoryName: string,
  value: IniValue | undefined,
  refuse: (option: string, text: string, place?: Place) => void,
): readonly string[] {
  const factories = canonicalNames(
    names.filter((name) => !name.startsWith(multicast)),
    factoryName,
  );
  if (factories.length > 0 && !factories.includes(factoryName)) {
    refuse('factories', `this factory, ${quoted(factoryName)}, is not among them; add it or a dot, or set factory_name`, value?.place);
  }
  return factories;
}

const multicast = 'multicast:';

/** Canonical form of names (spec/vacquery.md §8); addresses stay as they are. */
function canonicalNames(names: readonly string[], factoryName: string): readonly string[] {
  const domain = factoryName.slice(factoryName.indexOf('.') + 1);
  return [...new Set(names.map((name) => (name === '.' ? factoryName : name.includes('.') ? name : `${name}.${domain}`)))];
}

/** `multicast:GROUP[:PORT]` among the factories; the last one counts. */
function discoveryOf(names: readonly string[]): Settings['discovery'] {
  const [, group, port] = names.findLast((name) => name.startsWith(multicast))?.split(':') ?? [];
  return group === undefined ? undefined : { group, port: Number(port ?? 9955) };
}

/** `[factories] names = …` is the early form of `factories`, no longer read by Vac 3.1 either (spec/factory.md §3.2). */
function earlyFactories(early: Section | undefined, hasFactories: boolean, problems: ProblemList): void {
  const names = early?.options.get('names');
  if (!early || !names) return;
  if (hasFactories) problems.warn(names.name, 'names', 'ignored: factories in [settings] counts', early.title);
  else {
    const line = names.text.split(/\s+/).join(' ');
    problems.error(names.name, 'names', `no longer read; write factories = ${line.length > 200 ? '…' : line} in [settings]`, everything, early.title);
  }
}
