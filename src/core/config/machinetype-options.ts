import { machineModels } from '../machinetype.ts';
import { option } from './option.ts';
import { decimal, file, fileOrUrl, list, matching, oneLine, regularExpression, sha256, wholeNumber, word, wordOrOther, yesNo } from './option-types.ts';
import { pipeRules as pipe } from './pipe-rules.ts';

const device = matching('device name', /^[a-z0-9]+$/, 'letters a-z and digits, such as vda');
const seconds = (otherwise: string, about: string, least = 0) => option(wholeNumber('seconds', least), otherwise, about, { pipe: pipe.wholeNumber });
const plainPath = /^(\/[A-Za-z0-9_][A-Za-z0-9._-]*)+$/;

/** `[machinetype NAME]` of Vac 3.1 (spec/factory.md §3.3). */
export const vacMachinetype = {
  target_share: option(decimal(''), '0', 'Share of the space. 0 or less: never started. In a pipe: part of the share of the pipe.'),
  machinegroup: option(oneLine, '`accounting_fqan`, else NAME', 'Machinetypes whose usage is judged together.'),
  accounting_fqan: option(oneLine, 'none', 'FQAN in accounting and in answers to other factories.', { pipe: pipe.fqan }),
  machine_model: option(word(...machineModels), 'cernvm3', 'How the machine is booted. `kernel` is ours: direct kernel (`root_image`) and `initrd`.', {
    old: ['vm_model'],
    pipe: pipe.word,
  }),
  root_image: option(fileOrUrl, 'none: no machine can be made', 'Boot image, disk image, kernel, or container image.', { pipe: pipe.rootImage }),
  image_signing_dn: option(regularExpression, 'none', 'The image must be signed by a certificate whose DN matches.', {
    old: ['cernvm_signing_dn'],
    pipe: pipe.signingDn,
  }),
  root_device: option(device, 'vda', 'Name of the root disk in the machine.', { pipe: pipe.device }),
  scratch_device: option(device, 'vdb', 'Name of the scratch disk in the machine.', { pipe: pipe.device }),
  user_data: option(fileOrUrl, 'none', 'Template of the contextualisation.', { pipe: pipe.userData }),
  user_data_proxy: option(wordOrOther('true'), 'false', 'Put an X.509 proxy into user data.', { pipe: pipe.trueFalse }),
  legacy_proxy: option(wordOrOther('true'), 'false', 'Make it in the legacy Globus form.', { pipe: pipe.trueFalse }),
  container_command: option(matching('path', /^[A-Za-z0-9_./-]+$/, 'one command without arguments'), '/user_data', 'Command run in containers.', {
    pipe: pipe.command,
  }),
  cvmfs_repositories: option(list(/^[A-Za-z0-9_.-]+$/, 'repository names without /'), 'empty', 'CernVM-FS repositories for containers.', {
    pipe: pipe.repositories,
  }),
  tmp_binds: option(list(plainPath, 'absolute paths'), 'empty', 'Writable work directories of a Docker container.', { pipe: pipe.paths }),
  disk_gb_per_processor: option(wholeNumber('10^9 bytes'), 'from [settings]', 'Size of the root disk per processor.', {
    pipe: pipe.wholeNumber,
    lenient: true,
  }),
  min_processors: option(wholeNumber('', 1), '1', 'Smallest machine.', { pipe: pipe.wholeNumber }),
  max_processors: option(wholeNumber('', 1), '1', 'Largest machine. Not below `min_processors`.', { pipe: pipe.wholeNumber }),
  max_wallclock_seconds: seconds('86400', 'Greatest lifetime.', 1),
  min_wallclock_seconds: seconds('`max_wallclock_seconds`', 'Least lifetime worth starting.'),
  backoff_seconds: seconds('10', 'Pause after an abort. Real sites use 600 or more.'),
  fizzle_seconds: seconds('600', 'An end sooner than this, without a message, counts as an abort.'),
  heartbeat_file: option(
    matching('file name', /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/, 'a file name of letters, digits, dot, underscore and hyphen'),
    'none',
    'File in the job outputs that shows that the machine lives.',
    {
      pipe: pipe.file,
    },
  ),
  heartbeat_seconds: seconds('0', 'Greatest age of that file. 0: it must exist, no more.'),
  machines_dir_days: option(decimal('days'), '3', 'How long outputs and logs of ended machines are kept. 0 or less: for ever.', {
    old: ['machineoutputs_days'],
  }),
};

/** Of our own, beyond Vac 3.1. */
export const ownMachinetype = {
  root_image_sha256: option(sha256, 'none', 'The root image must have this SHA-256.', { pipe: pipe.sha256 }),
  initrd: option(fileOrUrl, 'none', 'Initial RAM disk. Model `kernel` only.', { pipe: pipe.userData }),
  initrd_sha256: option(sha256, 'none', 'The initial RAM disk must have this SHA-256.', { pipe: pipe.sha256 }),
  kernel_arguments: option(matching('text', /^[^\n]*$/, 'text of one line'), 'empty', 'Added to the kernel command line. Model `kernel` only.', {
    pipe: pipe.kernelArguments,
  }),
  scratch_gb_per_processor: option(wholeNumber('10^9 bytes'), 'none', 'Size of an additional empty disk per processor.', { pipe: pipe.wholeNumber }),
  backoff_doubling: option(yesNo, 'no', 'Each abort of the same cause in a row doubles the pause, up to `backoff_max_seconds`.', { pipe: pipe.trueFalse }),
  backoff_max_seconds: seconds('14400', 'Greatest pause with `backoff_doubling`. Not below `backoff_seconds`.', 1),
  policy: option(word('vacuum', 'demand'), 'vacuum', '`demand`: machines are started only while jobs wait for them at `demand_url` (docs/agent.md).'),
  demand_url: option(
    matching('URL', /^https?:\/\/[^\s/]+[^\s]*$/, 'a URL that begins with http:// or https://'),
    'none',
    'Where its queue tells how many jobs wait. Required with `policy = demand`.',
  ),
  demand_max_machines: option(wholeNumber('machines'), 'as many as fit', 'Most machines of this type in the space, with `policy = demand`.'),
  tenant: option(
    matching('name', /^[a-z0-9-]{1,64}$/, 'a name of letters a-z, digits and hyphens'),
    'none',
    'Tenant at whose queue its machines may fetch jobs. Required with `queue_token_key`.',
  ),
  queue_token_key: option(
    file,
    'none',
    'Private key (PEM) of that tenant: each machine gets a token signed with it, `##user_data_option_queue_token##`. Nobody else may read the file (mode 0600).',
  ),
  announce_lifetime_as_shutdown: option(yesNo, 'no', 'Tell the end of the lifetime as `shutdowntime` too, as Vac 3.1 does.'),
};

export const machinetypeTable = { ...vacMachinetype, ...ownMachinetype };
export const machinetypeFamilies = {
  user_data_option_: 'Replaces `##user_data_option_XXX##` in user data. Never shown. From `[settings]` if not given here.',
  user_data_file_: 'The same with the content of a file.',
};
/** Warned about, without effect (spec/factory.md §3.3). */
export const ignoredMachinetype = {
  log_machineoutputs: 'outputs are kept with the machine for machines_dir_days',
  rootpublickey: 'write root_public_key in [settings]',
  root_public_key: 'write root_public_key in [settings]',
  user_data_proxy_cert: 'the certificate is x509cert.pem in the directory of the machinetype',
  user_data_proxy_key: 'the key is x509key.pem in the directory of the machinetype',
};

/** What `[vacuum_pipe PREFIX]` has besides options for all its machinetypes (spec/factory.md §3.4). */
export const pipeTable = {
  vacuum_pipe_url: option(
    matching('URL', /^https?:\/\/[^\s/]+[^\s]*$/, 'a URL that begins with http:// or https://'),
    'required',
    'Where the pipe is published.',
  ),
  target_share: option(decimal(''), '0', 'Share of the whole pipe, divided among its machinetypes as the pipe says.'),
};
