import { machinetypeTable, pipeTable } from './machinetype-options.ts';
import { option } from './option.ts';
import { absolutePath, decimal, list, matching, wholeNumber, word, yesNo } from './option-types.ts';
import { pipeRules as pipe } from './pipe-rules.ts';

/** How machines of clouds boot: from a disk image. The others are boot methods of a host. */
export const cloudModels = ['vm-raw', 'cernvm3', 'cernvm4'] as const;

export const flavorNames = list(/^[A-Za-z0-9][A-Za-z0-9._:+/-]{0,254}$/, 'names of flavors');

/** Options of `[machinetype NAME]` that read otherwise in a space at a cloud (spec/cloud.md §1.4). */
const otherwise = {
  machinegroup: { ...machinetypeTable.machinegroup, otherwise: 'NAME' },
  disk_gb_per_processor: { ...machinetypeTable.disk_gb_per_processor, otherwise: 'of the flavor' },
  machine_model: option(word(...cloudModels), 'vm-raw', 'Form of the boot image.', { old: ['vm_model'], pipe: pipe.word }),
  root_image: option(
    matching(
      'image',
      /^(image:[^\n\s](?:[^\n]{0,250}[^\n\s])?|(?!image:)\S+)$/,
      'image:NAME for an image that the cloud has, a URL, an absolute path, or a file name below the files directory of the machinetype',
    ),
    'none: no machine can be made',
    'Boot image: `image:NAME`, or a file that is given to the cloud once for each content.',
    {
      pipe: {
        pattern: new RegExp(`${pipe.userData.pattern.source}|^image:[A-Za-z0-9](?:[A-Za-z0-9 ._+-]{0,200}[A-Za-z0-9._+-])?$`),
        allows: `${pipe.userData.allows}; or image:NAME`,
      },
    },
  ),
  min_processors: option(wholeNumber('', 1), '1', 'Fewest processors that its flavor may have.', {
    old: ['cpu_per_machine', 'processors_per_machine'],
    pipe: pipe.wholeNumber,
  }),
  max_processors: option(wholeNumber('', 1), 'no limit', 'Most processors that its flavor may have. Not below `min_processors`.', { pipe: pipe.wholeNumber }),
  backoff_seconds: option(wholeNumber('seconds'), 'required', machinetypeTable.backoff_seconds.about, { pipe: pipe.wholeNumber }),
  fizzle_seconds: option(wholeNumber('seconds'), 'required', machinetypeTable.fizzle_seconds.about, { pipe: pipe.wholeNumber }),
  min_wallclock_seconds: option(wholeNumber('seconds'), '0', 'Least lifetime worth starting before a `shutdown_time`.', { pipe: pipe.wholeNumber }),
  user_data: { ...machinetypeTable.user_data, otherwise: 'required' },
  heartbeat_seconds: option(wholeNumber('seconds'), 'none', 'Greatest age of that file. Without it the file is not looked at.', { pipe: pipe.wholeNumber }),
  machines_dir_days: { ...machinetypeTable.machines_dir_days, otherwise: '`cleanup_hours` of the space' },
};

/** Options that only machinetypes of a space at a cloud have. */
export const cloudOnlyMachinetype = {
  flavor_names: option(flavorNames, 'those of the space', 'Flavors, in order of preference: the first with a suitable size counts.', { old: ['flavor_name'] }),
  processors_limit: option(wholeNumber('processors'), 'none', 'Most processors of all its machines in the space.'),
  max_starting_processors: option(wholeNumber('processors', 1), '`processors_limit`', 'Most processors of its machines that are starting.'),
  mb_per_processor: option(wholeNumber('MiB', 1), '2048, of any flavor', 'Memory per processor told to machines. If given, flavors with less do not suit.'),
  hs06_per_processor: option(decimal('HS06', { above: 0 }), 'none: not told to machines', 'Power per processor.'),
  root_public_key: option(absolutePath, '/root/.ssh/id_rsa.pub, if it exists', 'Public key offered to machines.'),
  https_x509dn: option(
    matching('DN', /^(\/[A-Za-z][A-Za-z0-9.]*=[^\n/]+(\/[^\n=/]+)*)+$/, 'a DN such as /DC=org/DC=example/CN=pilot'),
    'none',
    'Holders of this certificate, and of proxies of it, may write job outputs besides the machine itself.',
    { old: ['x509dn'] },
  ),
  cvmfs_proxy_machinetype: option(
    matching('name', /^[a-z0-9-]+(:[1-9]\d{0,4})?$/, 'NAME or NAME:PORT of a machinetype of the same space'),
    'none',
    'Machinetype whose live machines are HTTP caches for these. Port 280 if none is given.',
  ),
};

/** What the reader uses: names and types of a host's machinetypes, and those of clouds. */
export const cloudMachinetypeTable = { ...machinetypeTable, ...otherwise, ...cloudOnlyMachinetype };

const hostOnly = [
  'initrd',
  'initrd_sha256',
  'kernel_arguments',
  'container_command',
  'cvmfs_repositories',
  'tmp_binds',
  'root_device',
  'scratch_device',
  'scratch_gb_per_processor',
] as const satisfies readonly (keyof typeof machinetypeTable)[];

/** Warned about, without effect (spec/cloud.md §1.4, last row). */
export const ignoredCloudMachinetype: Readonly<Record<string, string>> = {
  ...Object.fromEntries(hostOnly.map((name) => [name, 'it is for machines on a host of the site'])),
  ...Object.fromEntries(
    ['log_joboutputs', 'log_machineoutputs', 'joboutputs_days', 'remote_joboutputs_url', 'remote_joboutputs_cert', 'remote_joboutputs_key'].map((name) => [
      name,
      'outputs are kept with the machine for machines_dir_days',
    ]),
  ),
  user_data_proxy_cert: 'the certificate is x509cert.pem in the directory of the machinetype',
  user_data_proxy_key: 'the key is x509key.pem in the directory of the machinetype',
};

/** As documented: what is otherwise than on a host. */
export const documentedCloudMachinetype = { ...otherwise, ...cloudOnlyMachinetype };

/** `[vacuum_pipe SPACE PREFIX]` besides options for all its machinetypes. */
export const cloudPipeTable = {
  ...pipeTable,
  allow_http: option(yesNo, 'no', 'The pipe may be fetched over plain HTTP, where anybody on the way can change it.'),
};
