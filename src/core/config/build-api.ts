import type { CommandApi, Ec2Api, OpenStackApi, Secret } from '../cloud/settings.ts';
import { given } from './build-settings.ts';
import { apiTables } from './cloud-options.ts';
import type { Environment } from './environment.ts';
import { domainText, identityUrl } from './identity-url.ts';
import type { IniValue } from './ini.ts';
import { readOptions, type Reader } from './option.ts';
import type { Place } from './problem.ts';

/** One space in the making. */
export interface SpaceReader extends Reader {
  readonly environment: Environment;
  refuse(option: string, text: string): void;
  warn(option: string, text: string): void;
}

/** What makes the machines of a space, from its section; undefined, and problems that disable the space, when it cannot be used. */
export function buildApi(kind: keyof typeof apiTables, reader: SpaceReader): OpenStackApi | Ec2Api | CommandApi | undefined {
  switch (kind) {
    case 'openstack':
      return openstackApi(reader);
    case 'ec2':
      return ec2Api(reader);
    case 'command':
      return commandApi(reader);
  }
}

/** A secret from `NAME`, `NAME_base64`, `NAME_file` or `NAME_env`, at most one of them; undefined: none is given. */
function secretOf(name: string, values: Readonly<Record<string, unknown>>, { options, refuse }: SpaceReader): Secret | undefined {
  const names = [name, `${name}_base64`, `${name}_file`, `${name}_env`].filter((one) => options.has(one));
  if (names.length > 1) refuse(names[1] ?? name, `${names[0]} is given too; valid: one of them`);
  const text = (option: string): string | undefined => values[option] as string | undefined;
  const plain = text(name);
  if (plain !== undefined) return { from: 'text', text: plain };
  const encoded = text(`${name}_base64`);
  if (encoded !== undefined) {
    const decoded = decode(encoded);
    if (decoded === undefined) refuse(`${name}_base64`, 'what it stands for is not UTF-8 text; valid: base64 of the secret');
    return { from: 'text', text: decoded ?? '' };
  }
  const [path, variable] = [text(`${name}_file`), text(`${name}_env`)];
  if (path !== undefined) return { from: 'file', path };
  return variable === undefined ? undefined : { from: 'environment', variable };
}

function decode(base64: string): string | undefined {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\n$/, '');
  } catch {
    return undefined;
  }
}

const loginOptions = ['username', 'password', 'password_base64', 'cred_id', 'cred_secret', 'token'] as const;
const loginSources = loginOptions.flatMap((name) => [name, `${name}_file`, `${name}_env`]);

function openstackApi(reader: SpaceReader): OpenStackApi | undefined {
  const { options, refuse, warn } = reader;
  const v = readOptions(apiTables.openstack, reader);
  const found: Found | undefined = options.has('url') ? { authUrl: urlOf(v.url, reader), login: loginOf(v, reader) } : cloudOf(v, reader);
  if (found?.authUrl === undefined || found.login === undefined) return undefined;
  const at = URL.parse(found.authUrl);
  if (at?.protocol === 'http:' && !['localhost', '127.0.0.1', '[::1]'].includes(at.hostname)) {
    warn('url', 'credentials travel over plain HTTP, where anybody on the way can read them; valid: https://…');
  }
  const api: OpenStackApi = {
    kind: 'openstack',
    authUrl: found.authUrl,
    login: found.login,
    ...given('region', v.region ?? found.region),
    interface: v.interface ?? found.interface ?? 'public',
    ...given('caFile', v.ca_file ?? found.caFile),
    zones: v.zones ?? [],
    securityGroups: v.security_groups ?? [],
    networks: v.networks ?? [],
    configDrive: v.config_drive ?? false,
    ...given('floatingNetwork', v.floating_network),
  };
  if (v.cloud !== undefined && options.has('url')) refuse('cloud', 'url is given too; valid: one of them');
  return api;
}

type Values = ReturnType<typeof readOptions<(typeof apiTables)['openstack']>>;
type Found = { [K in 'authUrl' | 'login' | 'region' | 'interface' | 'caFile']?: OpenStackApi[K] | undefined };

function urlOf(text: string | undefined, { refuse, warn }: SpaceReader): string | undefined {
  if (text === undefined) return undefined;
  const read = identityUrl(text);
  if ('wrong' in read) refuse('url', read.wrong);
  else if (read.note !== undefined) warn('url', read.note);
  return 'wrong' in read ? undefined : read.url;
}

function loginOf(v: Values, reader: SpaceReader): OpenStackApi['login'] | undefined {
  const { options, refuse } = reader;
  const password = secretOf('password', v, reader);
  const secret = secretOf('cred_secret', v, reader);
  const token = secretOf('token', v, reader);
  const methods = [options.has('username') && 'username', options.has('cred_id') && 'cred_id', token !== undefined && 'token'].filter((one) => one !== false);
  if (methods.length !== 1) {
    const what = methods.length === 0 ? 'no credentials are given' : `${methods.join(' and ')} are given`;
    refuse(methods[1] ?? 'username', `${what}; valid: one of username with a password, cred_id with cred_secret, or a token`);
    return undefined;
  }
  if (v.cred_id !== undefined) {
    if (secret === undefined) refuse('cred_secret', 'required with cred_id: add cred_secret_file, cred_secret_env or cred_secret');
    return secret && { method: 'application-credential', id: v.cred_id, secret };
  }
  if (v.project_name === undefined && !options.has('project_name') && !options.has('tenancy_name')) {
    refuse('project_name', 'required: the project in which machines are made');
  }
  const projectDomain = domainText(v.domain_name);
  const project = v.project_name ?? '';
  if (token !== undefined) return { method: 'token', token, project, projectDomain };
  if (password === undefined) refuse('password_file', 'required with username: add password_file, password_env or password_base64');
  const userDomain = v.user_domain_name === undefined ? projectDomain : domainText(v.user_domain_name);
  return v.username === undefined || password === undefined
    ? undefined
    : { method: 'password', username: v.username, userDomain, password, project, projectDomain };
}

/** Credentials from clouds.yaml or the OS_* variables, when the section has no `url`. */
function cloudOf(v: Values, { options, environment, problems, section, refuse }: SpaceReader): Found | undefined {
  const own = [...loginSources, 'project_name', 'tenancy_name', 'domain_name', 'user_domain_name'].filter((name) => options.has(name));
  if (own[0] !== undefined) {
    refuse('url', `required with ${own[0]}: the identity service to which the credentials belong`);
    return undefined;
  }
  const found = environment.openstackCloud?.(v.cloud);
  if (found === undefined) {
    refuse('url', 'required: add url and credentials, or cloud = NAME of an entry of clouds.yaml');
    return undefined;
  }
  for (const note of found.notes ?? []) problems.warn(found.place ?? placeOf(options, 'cloud'), 'cloud', note, section);
  if ('api' in found) return found.api;
  if (found.place === undefined) refuse('cloud', found.wrong);
  else problems.error(found.place, 'cloud', found.wrong, { kind: 'space', name: section.replace(/^space /, '') }, section);
  return undefined;
}

const placeOf = (options: ReadonlyMap<string, IniValue>, name: string): Place => options.get(name)?.place ?? { file: 'clouds.yaml', line: 0, column: 0 };

function ec2Api(reader: SpaceReader): Ec2Api | undefined {
  const v = readOptions(apiTables.ec2, reader);
  const accessKey = secretOf('access_key', v, reader);
  const secretKey = secretOf('secret_key', v, reader);
  const sessionToken = secretOf('session_token', v, reader);
  if (accessKey === undefined) reader.refuse('access_key', 'required: add access_key_file, access_key_env or access_key');
  if (secretKey === undefined) reader.refuse('secret_key', 'required: add secret_key_file, secret_key_env or secret_key');
  if (accessKey === undefined || secretKey === undefined) return undefined;
  return {
    kind: 'ec2',
    ...given('endpoint', v.url?.replace(/\/+$/, '')),
    region: v.region ?? 'us-east-1',
    accessKey,
    secretKey,
    ...given('sessionToken', sessionToken),
    ...given('signingService', v.service),
    subnets: v.subnets ?? [],
    securityGroups: v.security_groups ?? [],
    ...given('launchTemplate', v.launch_template),
    spot: v.spot ?? false,
  };
}

function commandApi(reader: SpaceReader): CommandApi | undefined {
  const v = readOptions(apiTables.command, reader);
  const [program, ...rest] = v.command ?? [];
  if (program === undefined || !program.startsWith('/')) {
    reader.refuse('command', program === undefined ? 'required: the executable that makes machines' : 'the executable is not an absolute path; valid: /…');
    return undefined;
  }
  return { kind: 'command', command: [program, ...rest], passEnvironment: v.pass_environment ?? [] };
}
