import { hostProviderKinds } from '../settings.ts';
import { option } from './option.ts';
import {
  absolutePath,
  anyText,
  codeRanges,
  decimal,
  fraction,
  hostServices,
  ipv4Address,
  ipv4Networks,
  list,
  lowerCase,
  matching,
  oneLine,
  wholeNumber,
  word,
  wordOrOther,
  yesNo,
} from './option-types.ts';

const hostName = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;

/** `[settings]` of Vac 3.1 (spec/factory.md §3.2). */
export const vacSettings = {
  vac_space: option(
    matching('name', /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/, 'a name like vac01.example.com, of letters, digits, dots and hyphens'),
    'required',
    'Name of the space. Must not be the name of a factory.',
  ),
  factories: option(
    list(
      /^(\.|[a-z0-9]([a-z0-9.-]*[a-z0-9])?|multicast:2(2[4-9]|3\d)(\.\d{1,3}){3}(:\d{1,5})?)$/,
      'host names of letters, digits, dots and hyphens, or multicast:GROUP',
      true,
    ),
    'empty',
    'All factories of the space, this one included. `.` is this factory; a name without a dot gets its domain. `multicast:239.255.99.5` finds them by announcements to that group. Empty: no other factory is asked.',
  ),
  description: option(anyText, 'none', 'Free text. Has no effect.'),
  gocdb_sitename: option(oneLine, 'the space name without its first label', 'Site in accounting records and status messages.'),
  gocdb_cert_file: option(absolutePath, 'none', 'X.509 certificate for updates of GOCDB.'),
  gocdb_key_file: option(absolutePath, 'none', 'Its key.'),
  total_processors: option(wholeNumber('', 0), 'all of the host', 'Processors that may be given to machines. Not more than the host has.', {
    old: ['cpu_total'],
  }),
  processors_per_superslot: option(
    wholeNumber('', 1),
    '1',
    'Processors whose machines end at the same time, and the greatest size of a machine. 1: no superslots, no multi-processor machines.',
    { overridden: ['vcpu_per_machine', 'cpu_per_machine'] },
  ),
  mb_per_processor: option(wholeNumber('MiB', 1), '2048', 'Memory per processor of a machine.', { old: ['mb_per_cpu'] }),
  hs06_per_processor: option(decimal('HS06', { above: 0 }), 'none: 1.0, not told to machines', 'Power per processor.', { old: ['hs06_per_cpu'] }),
  overload_per_processor: option(decimal('', { least: 0 }), '1.25', 'Load average per processor above which nothing is started.', {
    old: ['overload_per_cpu'],
  }),
  volume_group: option(
    matching('name', /^[A-Za-z0-9_+.][A-Za-z0-9_+.-]*$/, 'the name of an LVM volume group of this host'),
    '`vac_volume_group` if it exists',
    'LVM group for disks of machines.',
  ),
  disk_gb_per_processor: option(wholeNumber('10^9 bytes'), 'none', 'Disk size per processor. 0 is the same as none.', {
    old: ['scratch_gb', 'disk_gb_per_cpu'],
  }),
  udp_timeout_seconds: option(decimal('seconds', { above: 0 }), '10', 'Time in which other factories may answer.'),
  shutdown_time: option(wholeNumber('seconds since 1970'), 'none', 'Latest end of all machines. Belongs into /var/run/vac.conf before a planned reboot.'),
  draining: option(wordOrOther('yes'), 'no', 'Start nothing; what runs goes on to its end.'),
  root_public_key: option(absolutePath, '/root/.ssh/id_rsa.pub', 'Public key offered to machines.'),
  singularity_user: option(
    matching('user name', /^[a-z_][a-z0-9_.-]*$/i, 'a user of this host other than root'),
    'none',
    'Account for Singularity containers.',
  ),
  fix_networking: option(wordOrOther('false'), 'true', 'Whether network repair may be tried.'),
  forward_dev: option(matching('name', /^[A-Za-z0-9_.@-]{1,15}$/, 'the name of a network interface'), 'none', 'Outgoing interface for a NAT network.'),
  version_logger: option(
    {
      valid: 'a whole number per day; 0 is off',
      read: (text) => {
        if (/^(true|false)$/i.test(text))
          return { value: /true/i.test(text) ? 1 : 0, note: `${text.toLowerCase()} is an old form; write a whole number per day, 0 for off` };
        return /^\+?\d{1,9}$/.test(text) ? { value: Number(text) } : { value: 0, note: 'read as 0; valid: a whole number per day' };
      },
    },
    '0',
    'Version reports per day.',
  ),
  vacmon_hostport: option(list(/^[a-z0-9.-]+:[0-9]+$/, 'HOST:PORT in lower case'), 'empty', 'VacMon monitors that are told about machines.'),
};

/** `[settings]` of our own, beyond Vac 3.1. */
export const ownSettings = {
  factory_name: option(
    lowerCase(matching('host name', hostName, 'a fully qualified name such as wn01.example.com')),
    'the host name',
    'Name of this factory. Must contain a dot.',
  ),
  provider: option(word(...hostProviderKinds), 'qemu', 'What makes the machines: `qemu`, or `sim` for rehearsals without real machines.'),
  state_dir: option(absolutePath, '/var/lib/vacua; for an ordinary user $XDG_STATE_HOME/vacua or ~/.local/state/vacua', 'Where everything is kept.'),
  cycle_seconds: option(
    decimal('seconds', { above: 0 }),
    '10',
    'Longest pause between two decisions. An end of a machine or a changed file causes one at once.',
  ),
  start_rate_per_minute: option(
    wholeNumber('', 1),
    '60',
    'Most machines begun in any one minute. Lower protects image servers and task queues, higher fills sooner.',
  ),
  boot_concurrency: option(
    wholeNumber('', 1),
    '1.5 × processors of the host, at least 1',
    'Most machines booting at the same time. Too many slow each other down.',
  ),
  grace_secs: option(wholeNumber('seconds'), '0', 'Promise to machines: a shutdown time is never set nearer than this.'),
  group_share: option(word('sum', 'vac31'), 'sum', 'Share of a machinegroup: `sum` of its members, or as Vac 3.1 counts, for spaces that mix both.'),
  abort_codes: option(codeRanges, '300-999', 'Codes of shutdown messages that make a machinetype back off.'),
  share_memory_half_life_hours: option(decimal('hours', { least: 0 }), '0', 'Shares remember usage, which counts half after this time. 0: they do not.'),
  share_memory_max_credit: option(
    fraction,
    '0.5',
    'Greatest part by which remembered usage raises or lowers a share. Has no effect without `share_memory_half_life_hours`.',
  ),
  min_free_disk_gb: option(decimal('GiB', { least: 0 }), '1', 'Nothing is started with less free space than this in the state directory.'),
  joboutputs_max_mb: option(wholeNumber('MiB'), '100', 'Most that one machine may store as job outputs.'),
  joboutputs_max_files: option(wholeNumber(''), '1000', 'Most files that one machine may store.'),
  console_max_mb: option(decimal('MiB', { least: 0, most: 64 }), '1', 'Most that is kept of the console of one machine.'),
  host_services: option(hostServices, 'empty', 'Services that machines reach at 169.254.169.253:PORT, such as `3128=squid.example.com:3128`.'),
  outbound: option(yesNo, 'yes', 'Whether machines may open connections to the world outside the host.'),
  user_data_fallback: option(yesNo, 'no', 'Use the last good user data template when its server cannot be reached.'),
  old_feature_names: option(yesNo, 'yes', 'Tell machines the names of Machine/Job Features from before 2016 too, such as `jobslots` and `phys_cores`.'),
  accelerator: option(word('auto', 'kvm', 'tcg'), 'auto', '`auto`: KVM when a probe boot succeeds, otherwise emulation (`tcg`).'),
  network: option(word('auto', 'namespace', 'restricted'), 'auto', '`auto`: a network namespace per machine where the host allows it, otherwise `restricted`.'),
  vacquery_port: option(wholeNumber('', 1, 65_535), '995', 'UDP port on which all factories of the space answer.'),
  vacquery_address: option(ipv4Address, 'all addresses', 'Address on which this factory answers and from which it asks.'),
  space_refresh_seconds: option(decimal('seconds', { least: 1 }), '30', 'Time between two questions to each other factory.'),
  space_key_file: option(
    list(/^\/\S*$/, 'absolute paths of files that only their owner can read'),
    'none',
    'Key of the space: messages are signed with the first, and accepted with any of them. See docs/space.md.',
  ),
  accept_unsigned_from: option(
    list(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, 'names or IPv4 addresses of factories', true),
    'none',
    'Factories that need not sign although there is a key, such as those that still run Vac.',
  ),
  accept_queries_from: option(ipv4Networks, 'none', 'Hosts that get full answers although they are no factories, such as those of administrators.'),
  push: option(yesNo, 'no', 'Tell starts and ends of machines to the other factories at once. Needs space_key_file.'),
  ca_dir: option(absolutePath, '/etc/grid-security/certificates', 'CA certificates trusted besides those of the system, if the directory exists.'),
};

export const settingsTable = { ...vacSettings, ...ownSettings };
/** Prefixes of options which end in a name of the site's choice. */
export const settingsFamilies = {
  machinefeatures_option_: 'Adds the key XXX to `$MACHINEFEATURES`.',
  user_data_option_: 'Replaces `##user_data_option_XXX##` in user data of all machinetypes. Never shown.',
  user_data_file_: 'The same with the content of a file.',
};
/** Warned about, without effect (spec/factory.md §3.2, §22). */
export const ignoredSettings = {
  domain_type: 'machines are always fully virtual',
  total_machines: 'slots follow from the processors of the host; write total_processors',
  delete_old_files: 'files of ended machines expire by machines_dir_days of their machinetype',
  mb_per_machine: 'memory is counted per processor; write mb_per_processor',
};
