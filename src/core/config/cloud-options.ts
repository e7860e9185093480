import { flavorNames } from './cloud-machinetype-options.ts';
import { option, type Table, type Type } from './option.ts';
import { absolutePath, decimal, list, matching, oneLine, wholeNumber, word, wordOrOther, yesNo } from './option-types.ts';
import { vacSettings } from './settings-options.ts';

export const cloudApis = ['openstack', 'ec2', 'command'] as const;
/** Of Vcycle, not supported here (spec/cloud.md §1.2). */
export const formerApis: readonly string[] = ['google', 'azure', 'occi', 'dbce', 'creamce'];

const host = /^([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])$/;
const url = matching('URL', /^https?:\/\/[^\s/?#@]+(\/[^\s?#]*)?$/, 'a URL that begins with https:// or http://, without user, password and query');
const words = (what: string): Type<readonly string[]> => list(/^[^\s]{1,255}$/, what);

/** A secret as text, in base64, in a file, or in an environment variable; never shown. Their names are all that messages tell. */
const secretText: Type<string> = { valid: 'text of one line', read: (text) => (/^[^\n]+$/.test(text) ? { value: text } : { wrong: 'not text of one line' }) };
const base64: Type<string> = {
  valid: 'base64',
  read: (text) =>
    /^[A-Za-z0-9+/]+={0,2}$/.test(text) && text.replace(/=+$/, '').length % 4 !== 1
      ? { value: text }
      : { wrong: text === '' ? 'no value is given' : 'not base64' },
};
const variable = matching('name', /^[A-Za-z_][A-Za-z0-9_]*$/, 'the name of an environment variable of the daemon');

const secret = (name: string, about: string) => ({
  plain: option(secretText, 'none', `${about} Never shown.`),
  file: option(absolutePath, 'none', `File with ${name}, which its owner alone may read.`),
  environment: option(variable, 'none', `Environment variable with ${name}.`),
});
const password = secret('the password', 'Password of the user.');
const credential = secret('the secret', 'Secret of the application credential.');
const token = secret('the token', 'Token of the identity service; lasts as long as it lasts.');
const accessKey = secret('the access key', 'Access key id.');
const secretKey = secret('the secret key', 'Secret key.');
const session = secret('the token', 'Session token of temporary keys.');

/** `[space NAME]` for every provider (spec/cloud.md §1.2). */
export const spaceTable = {
  api: option(
    {
      valid: cloudApis.join(', '),
      read: (text) => {
        const api = cloudApis.find((one) => one === text.toLowerCase());
        if (api !== undefined) return { value: api };
        const known = formerApis.includes(text.toLowerCase());
        return { wrong: text === '' ? 'no value is given' : `${JSON.stringify(text.slice(0, 40))} is not supported${known ? ' any more' : ''}` };
      },
    } satisfies Type<(typeof cloudApis)[number]>,
    'required',
    'What makes the machines: OpenStack, EC2 and compatible clouds, or an executable of the site.',
  ),
  processors_limit: option(
    wholeNumber('processors'),
    "the provider's quota",
    'No machine is made beyond it. All machines of the project count, foreign ones too.',
    {
      old: ['max_processors'],
    },
  ),
  machines_limit: option(wholeNumber('machines'), "the provider's quota", 'The same for the number of machines.'),
  flavor_names: option(flavorNames, 'all of the provider', 'Flavors of machinetypes that name none, in order of preference.', { old: ['flavor_name'] }),
  volume_gb_per_processor: option(wholeNumber('10^9 bytes'), '0', 'Above 0: boot from a new volume of this size per processor, removed with the machine.'),
  ramp_percent: option(
    decimal('per cent', { above: 0, most: 100 }),
    'no such limit',
    'Part of the limit of processors that one turn may start, rounded up. Vcycle has 10.',
  ),
  starting_limit_seconds: option(wholeNumber('seconds', 1), '3600', 'A machine that does not run by then has failed to start, and is removed.'),
  shutdown_time: vacSettings.shutdown_time,
  draining: option(wordOrOther('yes'), 'no', 'Start nothing in this space; what runs goes on to its end.'),
  gocdb_sitename: vacSettings.gocdb_sitename,
  vacmon_hostport: vacSettings.vacmon_hostport,
  accounting: option(word('job', 'cloud', 'none'), 'job', 'Records of usage: as jobs, as virtual machines, or none. One of the two, never both.'),
  cleanup_hours: option(wholeNumber('hours'), '72', 'How long outputs and logs of ended machines are kept, unless their machinetype says it.'),
  https_host: option(matching('host name', host, 'a host name in lower case, or an address'), "this host's name", 'Host in the URLs that machines are given.'),
  https_port: option(wholeNumber('', 1, 65_535), '443', 'Port in those URLs.'),
  guest_url: option(
    url,
    'https://HTTPS_HOST:HTTPS_PORT',
    'Those URLs as a whole, for a proxy of the site. http:// is for trials: anybody on the way can read it.',
  ),
  guest_listen: option(
    matching('address', /^([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\]):[1-9]\d{0,4}$/, 'ADDRESS:PORT'),
    '0.0.0.0:HTTPS_PORT with a certificate, else 127.0.0.1:8080',
    'Where machines far away are answered. One for all spaces. Without a certificate a loopback address, behind a proxy.',
  ),
  guest_cert_file: option(absolutePath, 'none', 'Certificate (PEM, with its chain) for those URLs.'),
  guest_key_file: option(absolutePath, 'none', 'Its key.'),
  guest_client_ca_file: option(absolutePath, '`ca_dir`', 'CA certificates for `https_x509dn`.'),
  shared_dir: option(
    absolutePath,
    'none: this manager is the only one',
    'Directory shared by all managers of the space; the one that holds the lease in it starts machines.',
  ),
  takeover_seconds: option(wholeNumber('seconds', 10), '600', 'Silence of that manager after which another takes over.'),
  orphans: option(word('adopt', 'delete'), 'adopt', 'Machines with our mark, without a record, of no live manager.'),
};

/** `[space NAME]` with `api = openstack` (spec/cloud.md §1.3). */
export const openstackTable = {
  url: option(url, 'from `cloud`, else OS_CLOUD or OS_AUTH_URL', 'Identity service, v3. A URL that ends in /v2.0 is read as /v3.'),
  cloud: option(matching('name', /^[^\s/]+$/, 'a name in clouds.yaml'), 'none', 'Credentials and region from this entry of clouds.yaml.'),
  project_name: option(oneLine, 'required with a user', 'Project. `id:ID` names it by its id.', { old: ['tenancy_name'] }),
  domain_name: option(oneLine, 'default', 'Domain of the project and of the user. `id:ID` names it by its id.'),
  user_domain_name: option(oneLine, '`domain_name`', 'Domain of the user, where it is another.'),
  region: option(oneLine, 'the only one', 'Region.'),
  interface: option(word('public', 'internal', 'admin'), 'public', 'Which end points of the catalogue are used.'),
  ca_file: option(absolutePath, 'those of the system', 'CA certificates for the servers of this cloud.'),
  username: option(oneLine, 'none', 'User.'),
  password: password.plain,
  password_base64: option(base64, 'none', 'The same in base64, as Vcycle has it; this hides it from nobody.'),
  password_file: password.file,
  password_env: password.environment,
  cred_id: option(oneLine, 'none', 'Id of an application credential, instead of a user.'),
  cred_secret: credential.plain,
  cred_secret_file: credential.file,
  cred_secret_env: credential.environment,
  token: token.plain,
  token_file: token.file,
  token_env: token.environment,
  zones: option(words('names of availability zones'), 'as the cloud chooses', 'One of them is drawn for each machine.'),
  security_groups: option(words('names or ids of security groups'), "the project's default", 'Of all machines.'),
  networks: option(words('names or ids of networks'), 'the only one of the project', 'Of all machines.', { old: ['network_uuid'] }),
  floating_network: option(oneLine, 'none', 'Each machine gets an address of this network.'),
  config_drive: option(yesNo, 'no', 'User data by a drive too, for networks without a metadata service.'),
};

/** `[space NAME]` with `api = ec2` (spec/cloud.md §1.3). */
export const ec2Table = {
  url: option(url, "the region's own", 'End point of a compatible cloud.'),
  region: option(matching('region', /^[A-Za-z0-9-]+$/, 'the name of a region'), 'us-east-1', 'Region.'),
  service: option(matching('name', /^[a-z0-9-]+$/, 'ec2, or what a compatible cloud wants'), 'ec2', 'Service in signatures.'),
  access_key: accessKey.plain,
  access_key_file: accessKey.file,
  access_key_env: accessKey.environment,
  secret_key: secretKey.plain,
  secret_key_file: secretKey.file,
  secret_key_env: secretKey.environment,
  session_token: session.plain,
  session_token_file: session.file,
  session_token_env: session.environment,
  subnets: option(words('ids of subnets'), "the account's default", 'One of them is drawn for each machine.'),
  security_groups: option(words('ids of security groups'), "the network's default", 'Of all machines.'),
  launch_template: option(matching('name', /^[^\s]{3,128}$/, 'the name or id of a launch template'), 'none', 'What is not said here comes from it.'),
  spot: option(yesNo, 'no', 'Buy spare capacity, which the cloud may take back.'),
};

/** `[space NAME]` with `api = command` (docs/command-provider.md). */
export const commandTable = {
  command: option(
    list(/^[^\s]+$/, 'the absolute path of an executable and its arguments'),
    'required',
    'Makes, lists and removes machines: JSON on its standard input and output. No shell is involved.',
  ),
  pass_environment: option(list(/^[A-Za-z_][A-Za-z0-9_]*$/, 'names of environment variables'), 'none', 'Variables that it is given besides PATH and HOME.'),
};

export const apiTables = { openstack: openstackTable, ec2: ec2Table, command: commandTable } satisfies Record<(typeof cloudApis)[number], Table>;

/** Options of Vcycle that are understood and have no effect; values that `old` matches meant what is not done any more. */
export const formerSpaceOptions: Readonly<Record<string, Readonly<Record<string, { readonly old: RegExp; readonly now: string }>>>> = {
  openstack: { glance_api: { old: /^1/, now: 'version 2 of the image service' }, api_version: { old: /^2/, now: 'version 3 of the identity service' } },
  ec2: { api_version: { old: /^$/, now: 'the version of the SDK' } },
  command: { api_version: { old: /^$/, now: 'the version that the executable names' } },
};

/** Options of `[space NAME]` whose values are never shown. */
export const secretOptions: readonly string[] = ['password', 'password_base64', 'cred_secret', 'token', 'access_key', 'secret_key', 'session_token'];
