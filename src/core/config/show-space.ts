import type { CommandApi, Ec2Api, OpenStackApi, Secret } from '../cloud/settings.ts';
import type { Settings } from '../settings.ts';
import type { commandTable, ec2Table, openstackTable, spaceTable } from './cloud-options.ts';

type Shown<T> = Readonly<Partial<Record<keyof T & string, string | number | undefined>>>;

const yes = (value: boolean): string => (value ? 'yes' : 'no');
const words = (values: readonly string[]): string | undefined => (values.length === 0 ? undefined : values.join(' '));
const domain = (text: string): string => (text === 'id:default' ? 'default' : text);
const address = ({ host, port }: { readonly host: string; readonly port: number }): string => `${host.includes(':') ? `[${host}]` : host}:${port}`;

/** The option that a secret stands in. Texts are unmasked: whoever prints them masks them by their names. */
function secret(name: string, value: Secret | undefined): Readonly<Record<string, string>> {
  if (value === undefined) return {};
  if (value.from === 'text') return { [name]: value.text };
  return value.from === 'file' ? { [`${name}_file`]: value.path } : { [`${name}_env`]: value.variable };
}

/** `[space NAME]` as text that could stand in a file, in the order of the tables; options without a value are left out. Unmasked. */
export function spaceText(s: Settings): ReadonlyMap<string, string> {
  const { cloud } = s;
  if (cloud === undefined) return new Map();
  const { guest } = cloud;
  const shown: Shown<typeof spaceTable> = {
    api: cloud.api.kind,
    processors_limit: cloud.processorsLimit,
    machines_limit: cloud.machinesLimit,
    flavor_names: words(cloud.flavorNames),
    volume_gb_per_processor: cloud.volumeGbPerProcessor,
    ramp_percent: cloud.rampPercent,
    starting_limit_seconds: cloud.startingLimit,
    shutdown_time: s.shutdownTime === undefined ? undefined : s.shutdownTime / 1000,
    draining: yes(s.draining),
    gocdb_sitename: s.gocdbSitename,
    vacmon_hostport: words(s.vacmonHostports),
    accounting: cloud.accounting,
    guest_url: guest.url,
    guest_listen: address(guest.listen),
    guest_cert_file: guest.certificate?.certFile,
    guest_key_file: guest.certificate?.keyFile,
    guest_client_ca_file: guest.clientCaFile,
    shared_dir: cloud.sharedDir,
    takeover_seconds: cloud.takeover,
    orphans: cloud.orphans,
  };
  const all = { ...shown, ...apiText(cloud.api) };
  return new Map(Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)] as const])));
}

function apiText(api: OpenStackApi | Ec2Api | CommandApi): Readonly<Record<string, string | undefined>> {
  switch (api.kind) {
    case 'openstack':
      return openstackText(api);
    case 'ec2':
      return {
        ...({ url: api.endpoint, region: api.region, service: api.signingService } satisfies Shown<typeof ec2Table>),
        ...secret('access_key', api.accessKey),
        ...secret('secret_key', api.secretKey),
        ...secret('session_token', api.sessionToken),
        ...({
          subnets: words(api.subnets),
          security_groups: words(api.securityGroups),
          launch_template: api.launchTemplate,
          spot: yes(api.spot),
        } satisfies Shown<typeof ec2Table>),
      };
    case 'command':
      return { command: words(api.command), pass_environment: words(api.passEnvironment) } satisfies Shown<typeof commandTable>;
  }
}

function openstackText(api: OpenStackApi): Readonly<Record<string, string | undefined>> {
  return {
    url: api.authUrl,
    ...loginText(api.login),
    ...({
      region: api.region,
      interface: api.interface,
      ca_file: api.caFile,
      zones: words(api.zones),
      security_groups: words(api.securityGroups),
      networks: words(api.networks),
      floating_network: api.floatingNetwork,
      config_drive: yes(api.configDrive),
    } satisfies Shown<typeof openstackTable>),
  };
}

function loginText(login: OpenStackApi['login']): Readonly<Record<string, string | undefined>> {
  if (login.method === 'application-credential') return { cred_id: login.id, ...secret('cred_secret', login.secret) };
  const scope = { project_name: login.project, domain_name: domain(login.projectDomain) };
  if (login.method === 'token') return { ...scope, ...secret('token', login.token) };
  return { ...scope, user_domain_name: domain(login.userDomain), username: login.username, ...secret('password', login.password) };
}
