import { option } from './option.ts';
import { absolutePath, decimal, list, matching, oneLine, wholeNumber, word, yesNo } from './option-types.ts';

const listenAt = matching('address', /^([A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\]):\d{1,5}$/, 'HOST:PORT, or [IPv6 address]:PORT; port 0: any free one');
const webUrl = matching('URL', /^https?:\/\/[^\s@]+$/, 'an http:// or https:// URL without user and password');
const claim = matching('claim', /^[A-Za-z0-9_.:/-]{1,128}$/, 'the name of a claim');
const storeAt = matching('store', /^(\/[^\n]*|postgres(ql)?:\/\/\S+)$/, 'an absolute path for SQLite, or a URL postgres://…');
const names = list(/^[^\s]{1,256}$/, 'names');

/** `[queue]`: the tenant's queue server (docs/queue.md). */
export const queueTable = {
  listen: option(listenAt, '127.0.0.1:8470', 'Address and port of the server.'),
  store: option(
    storeAt,
    'queue.sqlite in the directory of the queue',
    'Where jobs are kept: a file of SQLite, or a database of PostgreSQL, which several servers may share.',
  ),
  queue_dir: option(
    absolutePath,
    'queue in the state directory',
    'Files of jobs, keys and the local token. Servers that share one PostgreSQL share this directory too.',
  ),
  certificate_file: option(absolutePath, 'none: plain HTTP', 'Certificate (PEM, with its chain) with which the server speaks HTTPS.'),
  certificate_key_file: option(absolutePath, 'none', 'Its private key.'),
  lease_seconds: option(
    wholeNumber('seconds', 10, 3600),
    '120',
    'A job whose agent is silent for this long is lost. Longer forgives more, shorter runs the job elsewhere sooner.',
  ),
  kill_after_seconds: option(wholeNumber('seconds', 1, 600), '30', 'Time between TERM and KILL at the wall limit of a job.'),
  default_wall_seconds: option(wholeNumber('seconds', 1), '3600', 'Wall time of jobs that do not say theirs.'),
  default_memory_mb: option(wholeNumber('MiB', 1), '256', 'Memory of jobs that do not say theirs.'),
  log_max_kb: option(wholeNumber('KiB', 1, 1_048_576), '1024', 'Most that is kept of the log of one run.'),
  output_max_mb: option(decimal('MiB', { above: 0 }), '100', 'Most output of one job, whatever it asks for.'),
  file_max_mb: option(decimal('MiB', { above: 0 }), '1024', 'Greatest input file.'),
  job_max_mb: option(decimal('MiB', { above: 0 }), '2048', 'Most input of one job.'),
  owner_max_mb: option(decimal('MiB', { above: 0 }), '10240', 'Most that the jobs of one owner may keep, input and output together.'),
  keep_days: option(decimal('days', { above: 0 }), '7', 'Files of a job are kept for this long after its end (spec/environments.md §6.2).'),
  issuer: option(webUrl, 'none: local tokens alone', 'Issuer (`iss`) of the tokens of users.'),
  audience: option(oneLine, 'vacua-queue', 'Audience (`aud`) that tokens of users must name.'),
  jwks_url: option(webUrl, 'none', 'Where the public keys of the issuer are published.'),
  jwks_file: option(absolutePath, 'none', 'The public keys of the issuer as a file, instead of jwks_url.'),
  tenant_claim: option(claim, 'groups', 'Claim of a token that lists the groups of the user.'),
  clock_tolerance_seconds: option(wholeNumber('seconds', 0, 600), '60', 'How far the clocks of others may be off when the times of a token are checked.'),
  administrators: option(names, 'none', 'Subjects of tokens whose owners may see and end the jobs of everybody.'),
  local_tokens: option(yesNo, 'yes', 'Accept the tokens in the file `tokens` of the queue directory. Only while the server listens on a loopback address.'),
  banned_machines: option(names, 'none', 'Machines whose agents are turned away.'),
  banned_sites: option(names, 'none', 'Sites whose agents are turned away.'),
  site: option(
    matching('name', /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/, 'a name of letters, digits, dots and hyphens'),
    'the host name',
    'Name of the site in what is advertised.',
  ),
  share_name: option(
    matching('name', /^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/, 'a name of letters, digits, dots, underscores and hyphens'),
    'vacua',
    'Beginning of the names of shares in what is advertised.',
  ),
  advertise: option(
    word('each', 'union'),
    'each',
    'One share per environment, or a single one with the tags of all, which also attracts jobs that nothing here can run (docs/environments.md).',
  ),
};

/** `[tenant NAME]`. */
export const tenantTable = {
  agent_key_file: option(
    list(/^\/\S+$/, 'absolute paths of public keys in PEM form'),
    'tenants/NAME.pub in the queue directory',
    'Public keys with which the tokens of its agents are checked: Ed25519, P-256 or RSA. Several while a key is being replaced.',
  ),
  groups: option(names, 'NAME and /NAME', 'Groups in the tokens of users that make them members.'),
  users: option(names, 'none', 'Subjects of tokens that are members whatever their groups.'),
  share_machines: option(yesNo, 'no', 'Whether one machine may run jobs of several owners, one after the other.'),
};
