import type { CloudSettings, RemoteGuestSettings } from '../cloud/settings.ts';
import type { Settings } from '../settings.ts';
import { instant, seconds } from '../units.ts';
import { buildApi, type SpaceReader } from './build-api.ts';
import { given } from './build-settings.ts';
import { apiTables, cloudApis, formerSpaceOptions, spaceTable } from './cloud-options.ts';
import type { Environment } from './environment.ts';
import { namesOf, readOptions, type Values, warnUnknown } from './option.ts';
import type { Disables, ProblemList } from './problem.ts';
import { type Section, withDefaults } from './sections.ts';

/** No rate and no concurrency of their own: limits, quotas and the ramp of a space bound its starts. */
const unlimited = 1_000_000;

/**
 * `[space NAME]` with every default applied (spec/cloud.md §1.2, §1.3); undefined, and problems that disable it, when it must be refused.
 * `base`: settings of the site, from which limits that hold for every machine are taken.
 */
export function buildSpace(
  name: string,
  section: Section,
  about: { readonly base: Settings; readonly defaults: Section | undefined; readonly environment: Environment },
  problems: ProblemList,
): { readonly settings: Settings; readonly machinesDirDays: number } | undefined {
  const { base, environment } = about;
  const disables: Disables = { kind: 'space', name };
  const options = withDefaults(section, about.defaults);
  const before = problems.all.length;
  const reader: SpaceReader = {
    options,
    problems,
    disables,
    section: section.title,
    environment,
    refuse: (option, text) => problems.error(options.get(option)?.place ?? section.place, option, text, disables, section.title),
    warn: (option, text) => problems.warn(options.get(option)?.place ?? section.place, option, text, section.title),
  };
  const v = readOptions(spaceTable, reader);
  if (!options.has('api')) reader.refuse('api', `required: what makes the machines; valid: ${cloudApis.join(', ')}`);
  if (v.api === undefined) return undefined;
  tellOthers(section, v.api, reader);
  const api = buildApi(v.api, reader);
  const guest = guestOf(v, base, reader);
  if (name === base.space.toLowerCase()) {
    problems.error(section.place, undefined, `${name} is vac_space of this host too; valid: a name of its own for each space`, disables, section.title);
  }
  if (api === undefined || guest === undefined || problems.all.slice(before).some((p) => p.severity === 'error')) return undefined;
  const cloud: CloudSettings = {
    api,
    ...given('processorsLimit', v.processors_limit),
    ...given('machinesLimit', v.machines_limit),
    flavorNames: v.flavor_names ?? [],
    volumeGbPerProcessor: v.volume_gb_per_processor ?? 0,
    ...given('rampPercent', v.ramp_percent),
    startingLimit: seconds(v.starting_limit_seconds ?? 3600),
    manager: base.factoryName,
    ...given('sharedDir', v.shared_dir),
    takeover: seconds(v.takeover_seconds ?? 600),
    orphans: v.orphans ?? 'adopt',
    guest,
    accounting: v.accounting ?? 'job',
  };
  return { settings: derived(name, v, cloud, base, environment.spaceDir(base.stateDir, name)), machinesDirDays: (v.cleanup_hours ?? 72) / 24 };
}

/** Settings of one space: what the site says of every machine, and nothing of its own host. */
function derived(name: string, v: Values<typeof spaceTable>, cloud: CloudSettings, base: Settings, stateDir: string): Settings {
  return {
    space: name,
    factories: [],
    ...given('gocdbSitename', v.gocdb_sitename),
    processorsPerSuperslot: 1,
    mbPerProcessor: 2048,
    overloadPerProcessor: base.overloadPerProcessor,
    udpTimeout: base.udpTimeout,
    ...given('shutdownTime', v.shutdown_time === undefined ? undefined : instant(v.shutdown_time * 1000)),
    draining: v.draining ?? false,
    rootPublicKey: base.rootPublicKey,
    fixNetworking: false,
    versionLogger: 0,
    vacmonHostports: v.vacmon_hostport ?? [],
    machinefeaturesOptions: new Map(),
    userDataOptions: new Map(),
    userDataFiles: new Map(),
    factoryName: base.factoryName,
    provider: cloud.api.kind,
    stateDir,
    cycle: base.cycle,
    startRatePerMinute: unlimited,
    bootConcurrency: unlimited,
    grace: base.grace,
    groupShare: base.groupShare,
    ...given('abortCodes', base.abortCodes),
    ...given('shareMemory', base.shareMemory),
    minFreeDiskBytes: base.minFreeDiskBytes,
    joboutputsMaxBytes: base.joboutputsMaxBytes,
    joboutputsMaxFiles: base.joboutputsMaxFiles,
    consoleMaxBytes: base.consoleMaxBytes,
    hostServices: [],
    outbound: true,
    userDataFallback: base.userDataFallback,
    oldFeatureNames: base.oldFeatureNames,
    accelerator: base.accelerator,
    network: base.network,
    caDir: base.caDir,
    vacqueryPort: base.vacqueryPort,
    ...given('vacqueryAddress', base.vacqueryAddress),
    spaceRefresh: base.spaceRefresh,
    spaceKeyFiles: [],
    acceptUnsignedFrom: [],
    acceptQueriesFrom: base.acceptQueriesFrom,
    push: false,
    cloud,
  };
}

/** Warns about options that nobody knows, that belong to another provider, or that mean what is not done any more. */
function tellOthers({ options, title }: Section, api: keyof typeof apiTables, { problems }: SpaceReader): void {
  const own = [...namesOf(spaceTable), ...namesOf(apiTables[api]), ...Object.keys(formerSpaceOptions[api] ?? {})];
  const others = new Map(
    cloudApis.flatMap((other) => [...namesOf(apiTables[other]), ...Object.keys(formerSpaceOptions[other] ?? {})].map((one) => [one, other] as const)),
  );
  warnUnknown(options, [...own, ...others.keys()], [], problems, title);
  const mine = new Set(own);
  for (const [name, value] of options) {
    const other = others.get(name);
    if (!mine.has(name) && other !== undefined) problems.warn(value.name, name, `has no effect with api = ${api}; valid with ${other}`, title);
    const former = formerSpaceOptions[api]?.[name];
    if (former?.old.test(value.text) === true) problems.warn(value.place, name, `ignored: ${former.now} is used`, title);
  }
}

const loopback = /^(127\.\d+\.\d+\.\d+|\[::1\]|localhost)$/;

function guestOf(v: Values<typeof spaceTable>, base: Settings, { refuse, warn }: SpaceReader): RemoteGuestSettings | undefined {
  const port = v.https_port ?? 443;
  const url = v.guest_url?.replace(/\/+$/, '') ?? `https://${v.https_host ?? base.factoryName}${port === 443 ? '' : `:${port}`}`;
  const [certFile, keyFile] = [v.guest_cert_file, v.guest_key_file];
  if ((certFile === undefined) !== (keyFile === undefined)) {
    const [one, other] = certFile === undefined ? ['guest_key_file', 'guest_cert_file'] : ['guest_cert_file', 'guest_key_file'];
    refuse(one ?? '', `given without ${other}; valid: both or none`);
    return undefined;
  }
  const plain = url.startsWith('http://');
  if (plain) warn('guest_url', 'what machines are told and what they store travels over plain HTTP, where anybody on the way can read and change it');
  const address = v.guest_listen ?? (certFile !== undefined || plain ? `0.0.0.0:${plain ? (URL.parse(url)?.port ?? '') || '80' : port}` : '127.0.0.1:8080');
  const [, host = '', listenPort = ''] = /^(.*):(\d+)$/.exec(address) ?? [];
  if (Number(listenPort) > 65_535) refuse('guest_listen', `there is no port ${listenPort}; valid: 1 to 65535`);
  if (certFile === undefined && !plain && !loopback.test(host)) {
    refuse(
      'guest_listen',
      `without a certificate only a loopback address is safe; add guest_cert_file and guest_key_file, or listen on 127.0.0.1:${listenPort} behind a proxy`,
    );
  }
  return {
    url,
    listen: { host: host.replace(/^\[|\]$/g, ''), port: Number(listenPort) },
    ...(certFile !== undefined && keyFile !== undefined && { certificate: { certFile, keyFile } }),
    ...given('clientCaFile', v.guest_client_ca_file),
  };
}
