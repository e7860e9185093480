import { readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { OpenStackApi } from '../../core/cloud/settings.ts';
import type { FoundCloud } from '../../core/config/environment.ts';
import { domainText, identityUrl } from '../../core/config/identity-url.ts';
import type { Place } from '../../core/config/problem.ts';
import { quoted } from '../../core/config/problem.ts';
import { didYouMean } from '../../core/config/suggest.ts';

/** What of a process says where OpenStack credentials are. */
export interface CredentialSurroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  /** `/etc`. */
  readonly etc: string;
  readonly cwd: string;
}

type FoundApi = Extract<FoundCloud, { readonly api: unknown }>['api'];
type Login = OpenStackApi['login'];
type Text = (name: string) => string | undefined;

const greatestFile = 1024 ** 2;

/** Places of clouds.yaml and of secure.yaml, most important first: the first file of each that exists counts, as in OpenStack's own tools. */
export function cloudFiles({ env, home, cwd, etc }: CredentialSurroundings): { readonly clouds: readonly string[]; readonly secure: readonly string[] } {
  const folders = [cwd, join(home, '.config', 'openstack'), join(etc, 'openstack')];
  const named = (file: string | undefined): string[] => (file === undefined || file === '' ? [] : [file]);
  return {
    clouds: [...named(env['OS_CLIENT_CONFIG_FILE']), ...folders.flatMap((folder) => [join(folder, 'clouds.yaml'), join(folder, 'clouds.yml')])],
    secure: [...named(env['OS_CLIENT_SECURE_FILE']), ...folders.flatMap((folder) => [join(folder, 'secure.yaml'), join(folder, 'secure.yml')])],
  };
}

/** What tells whether these files or variables have changed; reads none of them. */
export function credentialsMark(around: CredentialSurroundings): string {
  const { clouds, secure } = cloudFiles(around);
  const files = [...clouds, ...secure].map((file) => {
    const s = statSync(file, { bigint: true, throwIfNoEntry: false });
    return s && `${file} ${s.dev}:${s.ino}:${s.size}:${s.mtimeNs}:${s.ctimeNs}`;
  });
  return files.filter(Boolean).join('\n');
}

/**
 * Credentials of an OpenStack cloud: the entry `name` of clouds.yaml; without a name the one that OS_CLOUD names, else the OS_*
 * variables. Undefined: nothing says anything. Never throws: what cannot be used says why, and where.
 */
export function openstackCloud(name: string | undefined, around: CredentialSurroundings): FoundCloud | undefined {
  const entry = name ?? around.env['OS_CLOUD'];
  if (entry !== undefined && entry !== '') return fromFile(entry, around);
  return around.env['OS_AUTH_URL'] ? fromVariables(around.env) : undefined;
}

function fromVariables(env: CredentialSurroundings['env']): FoundCloud {
  const text: Text = (name) => env[`OS_${name.toUpperCase()}`] || undefined;
  const secret = (name: string) => (text(name) === undefined ? undefined : ({ from: 'environment', variable: `OS_${name.toUpperCase()}` } as const));
  const login = loginOf(text('auth_type'), { text, secret, called: (name) => `OS_${name.toUpperCase()}` });
  return 'wrong' in login ? login : apiOf(login, text, (name) => `OS_${name.toUpperCase()}`);
}

function fromFile(name: string, around: CredentialSurroundings): FoundCloud {
  const places = cloudFiles(around);
  const file = firstOf(places.clouds);
  if (file === undefined) return { wrong: `there is no clouds.yaml with the cloud ${quoted(name)}; looked for ${places.clouds.join(', ')}` };
  const main = parsed(file);
  if ('wrong' in main) return main;
  const { place } = main;
  const own = main.cloud(name);
  if (own === undefined) {
    const wrong = `there is no cloud ${quoted(name)} in this file${didYouMean(name, main.names)}; valid: ${main.names.join(', ') || 'an entry below clouds'}`;
    return { wrong, place: place() };
  }
  const secureFile = firstOf(places.secure);
  const secure = secureFile === undefined ? undefined : parsed(secureFile);
  if (secure !== undefined && 'wrong' in secure) return secure;
  const merged = merge(own, secure?.cloud(name));
  const at = place(name);
  const auth = isObject(merged['auth']) ? merged['auth'] : {};
  const text: Text = (option) => textOf(auth[option]) ?? textOf(merged[option]);
  const secret = (option: string) => (text(option) === undefined ? undefined : ({ from: 'text', text: text(option) ?? '' } as const));
  const login = loginOf(text('auth_type'), { text, secret, called: (option) => option });
  if ('wrong' in login) return { ...login, place: at };
  if (merged['verify'] === false || text('insecure') === 'true') {
    return { wrong: 'verify: false is refused, since anybody could answer for this cloud; name its CA with cacert', place: at };
  }
  if (text('auth_url') === undefined && merged['profile'] !== undefined) {
    return { wrong: 'a profile is not looked up; valid: auth_url in the entry itself', place: at };
  }
  const found = apiOf(login, text, (option) => option);
  const notes = [file, ...(secureFile === undefined ? [] : [secureFile])].flatMap((one) =>
    holdsSecrets(one) ? [`${one} can be read by others than its owner; valid: mode 0600`] : [],
  );
  return { ...found, place: at, notes: [...(found.notes ?? []), ...notes] };
}

interface Given {
  readonly text: Text;
  readonly secret: (name: string) => Extract<Login, { readonly method: 'password' }>['password'] | undefined;
  /** How an option is called where it stands. */
  readonly called: (name: string) => string;
}

const methods: Readonly<Record<string, Login['method']>> = {
  password: 'password',
  v3password: 'password',
  v3applicationcredential: 'application-credential',
  token: 'token',
  v3token: 'token',
};

function loginOf(type: string | undefined, { text, secret, called }: Given): Login | { readonly wrong: string } {
  const guess =
    text('application_credential_id') !== undefined
      ? 'v3applicationcredential'
      : text('token') !== undefined && text('username') === undefined
        ? 'token'
        : 'password';
  const method = methods[(type ?? guess).toLowerCase()];
  if (method === undefined) return { wrong: `${called('auth_type')} ${quoted(type ?? '')} is not supported; valid: ${Object.keys(methods).join(', ')}` };
  const missing = (name: string): { readonly wrong: string } => ({ wrong: `${called(name)} is missing, which ${type ?? guess} needs` });
  if (method === 'application-credential') {
    const [id, own] = [text('application_credential_id'), secret('application_credential_secret')];
    if (id === undefined) return missing('application_credential_id');
    return own === undefined ? missing('application_credential_secret') : { method, id, secret: own };
  }
  const project = idOr(text('project_id') ?? text('tenant_id'), text('project_name') ?? text('tenant_name'));
  if (project === undefined) return missing('project_name');
  const projectDomain =
    idOr(text('project_domain_id'), text('project_domain_name')) ?? domainText(idOr(text('default_domain_id') ?? text('default_domain'), undefined));
  const scope = { project, projectDomain: domainText(projectDomain) };
  if (method === 'token') {
    const token = secret('token');
    return token === undefined ? missing('token') : { method, token, ...scope };
  }
  const [username, password] = [idOr(text('user_id'), text('username')), secret('password')];
  if (username === undefined) return missing('username');
  if (password === undefined) return missing('password');
  const userDomain = domainText(idOr(text('user_domain_id'), text('user_domain_name')) ?? scope.projectDomain);
  return { method, username, userDomain, password, ...scope };
}

const idOr = (id: string | undefined, name: string | undefined): string | undefined => (id === undefined ? name : `id:${id}`);

function apiOf(login: Login, text: Text, called: (name: string) => string): FoundCloud {
  const at = text('auth_url');
  if (at === undefined) return { wrong: `${called('auth_url')} is missing` };
  const url = identityUrl(at);
  if ('wrong' in url) return { wrong: `${called('auth_url')} is ${url.wrong}` };
  const given = (text('interface') ?? text('endpoint_type') ?? 'public').replace(/URL$/, '');
  const sides = ['public', 'internal', 'admin'] as const;
  const side = sides.find((one) => one === given);
  if (side === undefined) return { wrong: `${called('interface')} ${quoted(given)} is not one of the words; valid: ${sides.join(', ')}` };
  const [region, caFile] = [text('region_name'), text('cacert')];
  const api: FoundApi = { authUrl: url.url, login, interface: side, ...(region !== undefined && { region }), ...(caFile !== undefined && { caFile }) };
  return { api, ...(url.note !== undefined && { notes: [`${called('auth_url')}: ${url.note}`] }) };
}

type Json = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);
const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
const merge = (a: Json, b: Json | undefined): Json => ({
  ...a,
  ...b,
  auth: { ...(isObject(a['auth']) ? a['auth'] : {}), ...(isObject(b?.['auth']) ? b['auth'] : {}) },
});

const firstOf = (files: readonly string[]): string | undefined => files.find((file) => statSync(file, { throwIfNoEntry: false })?.isFile());
const holdsSecrets = (file: string): boolean => ((statSync(file, { throwIfNoEntry: false })?.mode ?? 0) & 0o077) !== 0;

interface CloudFile {
  readonly names: readonly string[];
  cloud(name: string): Json | undefined;
  /** Of an entry, or of the file. */
  place(name?: string): Place;
}

function parsed(file: string): CloudFile | { readonly wrong: string; readonly place: Place } {
  const whole: Place = { file, line: 0, column: 0 };
  let text: string;
  try {
    if ((statSync(file).size ?? 0) > greatestFile) return { wrong: `is longer than ${greatestFile} bytes, the most that is valid`, place: whole };
    text = readFileSync(file, 'utf8');
  } catch (error) {
    return { wrong: `cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'}); valid: a file that this user may read`, place: whole };
  }
  // Loaded here: a site without such a file does not wait for it.
  const { LineCounter, parseDocument } = createRequire(import.meta.url)('yaml') as typeof import('yaml');
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, logLevel: 'silent' });
  const at = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { file, line, column: col };
  };
  const [fault] = document.errors;
  // The message of the parser quotes the line, which may hold a secret.
  if (fault)
    return {
      wrong: `is not YAML (${fault.code.toLowerCase().replaceAll('_', ' ')}); valid: a mapping clouds with an entry for each cloud`,
      place: at(fault.pos[0]),
    };
  let json: unknown;
  try {
    json = document.toJS({ maxAliasCount: 100 });
  } catch {
    return { wrong: 'has too many aliases; valid: a mapping clouds with an entry for each cloud', place: whole };
  }
  const clouds = isObject(json) && isObject(json['clouds']) ? json['clouds'] : undefined;
  if (clouds === undefined) return { wrong: 'has no mapping clouds; valid: an entry for each cloud below clouds', place: whole };
  return {
    names: Object.keys(clouds),
    cloud: (name) => (Object.hasOwn(clouds, name) && isObject(clouds[name]) ? clouds[name] : undefined),
    place(name) {
      const node = name === undefined ? undefined : document.getIn(['clouds', name], true);
      const range = typeof node === 'object' && node !== null && 'range' in node ? (node.range as readonly number[] | null) : null;
      return range?.[0] === undefined ? whole : at(range[0]);
    },
  };
}
