import { join } from 'node:path';
import { readEnvironments } from '../../core/config/build-environments.ts';
import type { IniFile, IniValue } from '../../core/config/ini.ts';
import { namesOf, type Reader, readOptions, warnUnknown } from '../../core/config/option.ts';
import { everything, type Problem, ProblemList } from '../../core/config/problem.ts';
import { queueTable, tenantTable } from '../../core/config/queue-options.ts';
import { mergeSections, type Section, type Sections, withDefaults } from '../../core/config/sections.ts';
import { seconds } from '../../core/units.ts';
import { isLoopback, parseListen } from './listen.ts';
import type { OidcSettings, QueueConfiguration, QueueSettings, Tenant } from './settings.ts';

export interface QueueInputs {
  readonly files: readonly IniFile[];
  /** Used unless `queue_dir` says otherwise. */
  readonly queueDir: string;
  /** Tenants whose keys lie in `tenants` of the queue directory; they need no section. */
  tenantsIn(queueDir: string): readonly string[];
  /** From the command line; count instead of the file. */
  readonly listen?: string;
  readonly store?: string;
}

const MiB = 1024 ** 2;

/** `[queue]`, `[tenant NAME]` and `[environment NAME]` of some files; `configuration` is undefined when an error disables everything. */
export function readQueue(inputs: QueueInputs): { readonly configuration: QueueConfiguration | undefined; readonly problems: readonly Problem[] } {
  const problems = new ProblemList();
  const sections = mergeSections(inputs.files, problems);
  const settings = readSettings(sections, inputs, problems);
  const tenants = readTenants(sections, settings.queueDir, inputs, problems);
  const environments = readEnvironments(sections, problems);
  const refused = problems.all.some((p) => p.severity === 'error' && p.disables.kind === 'configuration');
  return { configuration: refused ? undefined : { settings, tenants, environments }, problems: problems.all };
}

function readSettings(sections: Sections, inputs: QueueInputs, problems: ProblemList): QueueSettings {
  const own: Section = sections.queue ?? { title: 'queue', place: { file: 'the command line', line: 0, column: 0 }, options: new Map<string, IniValue>() };
  warnUnknown(own.options, namesOf(queueTable), [], problems, own.title);
  const options = withDefaults(own, sections.defaults);
  const reader: Reader = { options, problems, disables: everything, section: own.title };
  const v = readOptions(queueTable, reader);
  const refuse = (option: string, text: string): void => problems.error(options.get(option)?.place ?? own.place, option, text, everything, own.title);
  const listen = parseListen(inputs.listen ?? v.listen ?? '127.0.0.1:8470');
  if (listen === undefined)
    refuse('listen', `${JSON.stringify(inputs.listen ?? v.listen)} is no address; valid: ${queueTable.listen.valid}, PORT from 0 to 65535`);
  // Not shown, since it may be a URL with a password.
  if (inputs.store !== undefined && !/^(\/|postgres(ql)?:\/\/)/.test(inputs.store))
    refuse('store', `--store is no place for jobs; valid: ${queueTable.store.valid}`);
  const host = listen?.host ?? '127.0.0.1';
  if ((v.certificate_file === undefined) !== (v.certificate_key_file === undefined)) {
    refuse(v.certificate_file === undefined ? 'certificate_file' : 'certificate_key_file', 'required: HTTPS needs both the certificate and its key');
  }
  if (v.jwks_url !== undefined && v.jwks_file !== undefined) refuse('jwks_file', 'jwks_url is also given; valid: one of them');
  const keys = v.jwks_file !== undefined ? { file: v.jwks_file } : v.jwks_url !== undefined ? { url: v.jwks_url } : undefined;
  if (v.issuer !== undefined && keys === undefined) refuse('issuer', 'its public keys are missing; add jwks_url or jwks_file');
  if (v.issuer === undefined && keys !== undefined) refuse('issuer', 'required: whose keys these are; add issuer = URL');
  const localTokens = (v.local_tokens ?? true) && isLoopback(host);
  if (v.issuer === undefined && !localTokens && sections.queue !== undefined) {
    refuse(
      'issuer',
      `nobody could submit a job: ${isLoopback(host) ? 'local_tokens is no' : `local tokens are not accepted on ${host}`}; add issuer, or listen on 127.0.0.1`,
    );
  }
  const queueDir = v.queue_dir ?? inputs.queueDir;
  const oidc: OidcSettings | undefined =
    v.issuer !== undefined && keys !== undefined
      ? {
          issuer: v.issuer,
          audience: v.audience ?? 'vacua-queue',
          keys,
          tenantClaim: v.tenant_claim ?? 'groups',
          clockTolerance: seconds(v.clock_tolerance_seconds ?? 60),
        }
      : undefined;
  return {
    listen: { host, port: listen?.port ?? 0 },
    store: inputs.store ?? v.store ?? join(queueDir, 'queue.sqlite'),
    queueDir,
    ...(v.certificate_file !== undefined && v.certificate_key_file !== undefined && { tls: { certFile: v.certificate_file, keyFile: v.certificate_key_file } }),
    lease: seconds(v.lease_seconds ?? 120),
    killAfter: seconds(v.kill_after_seconds ?? 30),
    defaults: { wall: seconds(v.default_wall_seconds ?? 3600), memoryMb: v.default_memory_mb ?? 256 },
    logBytes: (v.log_max_kb ?? 1024) * 1024,
    outputBytes: Math.round((v.output_max_mb ?? 100) * MiB),
    limits: {
      fileBytes: Math.round((v.file_max_mb ?? 1024) * MiB),
      jobBytes: Math.round((v.job_max_mb ?? 2048) * MiB),
      ownerBytes: Math.round((v.owner_max_mb ?? 10_240) * MiB),
    },
    keep: seconds((v.keep_days ?? 7) * 86_400),
    ...(oidc && { oidc }),
    administrators: v.administrators ?? [],
    localTokens,
    bannedMachines: new Set(v.banned_machines ?? []),
    bannedSites: new Set(v.banned_sites ?? []),
    ...(v.site !== undefined && { site: v.site }),
    shareName: v.share_name ?? 'vacua',
    advertise: v.advertise ?? 'each',
  };
}

function readTenants(sections: Sections, queueDir: string, inputs: QueueInputs, problems: ProblemList): ReadonlyMap<string, Tenant> {
  const tenants = new Map<string, Tenant>();
  for (const name of inputs.tenantsIn(queueDir)) tenants.set(name, tenantOf(name, queueDir));
  for (const [name, section] of sections.tenants) {
    warnUnknown(section.options, namesOf(tenantTable), [], problems, section.title);
    const v = readOptions(tenantTable, { options: withDefaults(section, sections.defaults), problems, disables: everything, section: section.title });
    tenants.set(name, {
      ...tenantOf(name, queueDir),
      ...(v.agent_key_file !== undefined && { keyFiles: v.agent_key_file }),
      ...(v.groups !== undefined && { groups: new Set(v.groups) }),
      ...(v.users !== undefined && { users: new Set(v.users) }),
      ...(v.share_machines !== undefined && { shareMachines: v.share_machines }),
    });
  }
  return tenants;
}

const tenantOf = (name: string, queueDir: string): Tenant => ({
  name,
  keyFiles: [join(queueDir, 'tenants', `${name}.pub`)],
  groups: new Set([name, `/${name}`]),
  users: new Set(),
  shareMachines: false,
});
