import { join } from 'node:path';
import { queuePlaces } from '../../queue/config/places.ts';

/** What a machinetype of the site is for. */
export interface Kind {
  readonly machinetype: string;
  readonly tenant: string;
  readonly share: number;
  readonly maxMachines: number;
  readonly initrd: string;
  /** Environment that its machines are, with the tags that jobs ask for; absent: none in particular. */
  readonly environment?: { readonly name: string; readonly tags: readonly string[]; readonly cost: number };
}

export interface Site {
  /** Private to the demonstration; machines run under accounts of their own, which must be able to pass through. */
  readonly directory: string;
  readonly kernel: string;
  readonly kinds: readonly Kind[];
  /** Machines at a time. */
  readonly slots: number;
  /** Of the queue, on 127.0.0.1. */
  readonly port: number;
}

export const placesOf = ({ directory }: Pick<Site, 'directory'>) => ({
  config: join(directory, 'site.conf'),
  stateDir: join(directory, 'state'),
  queueDir: join(directory, 'queue'),
  jobs: join(directory, 'jobs'),
});
export const tenantsOf = ({ kinds }: Pick<Site, 'kinds'>): readonly string[] => [...new Set(kinds.map((k) => k.tenant))];
export const queueUrl = ({ port }: Pick<Site, 'port'>): string => `http://127.0.0.1:${port}`;

/** Seconds. A real queue would forgive silence for longer, and a real machine wait longer for work. */
const lease = 20;
const wait = 3;
const agent = join(import.meta.dirname, '..', '..', 'queue', 'agent', 'agent.sh');

/** One file for the tenants' queue and the site's factory, as their administrators would write it. */
export function siteConfiguration(site: Site): string {
  const { stateDir, queueDir } = placesOf(site);
  const places = queuePlaces(queueDir);
  const url = queueUrl(site);
  return `[queue]
listen = 127.0.0.1:${site.port}
queue_dir = ${queueDir}
lease_seconds = ${lease}
kill_after_seconds = 2
default_wall_seconds = 60
default_memory_mb = 32

[settings]
vac_space = queue.demo.example.com
factory_name = host.demo.example.com
factories = host.demo.example.com
provider = qemu
state_dir = ${stateDir}
total_processors = ${site.slots}
mb_per_processor = 128
# Emulated machines load a small host far beyond its processors.
overload_per_processor = 1000
min_free_disk_gb = 0
cycle_seconds = 2
start_rate_per_minute = 120
outbound = no
host_services = ${site.port}=127.0.0.1:${site.port}
${site.kinds
  .map(
    ({ machinetype, tenant, share, maxMachines, initrd, environment }) => `
[machinetype ${machinetype}]
target_share = ${share}
machine_model = kernel
root_image = ${site.kernel}
initrd = ${initrd}
user_data = ${agent}
user_data_option_queue = http://169.254.169.253:${site.port}
user_data_option_queue_wait = ${wait}
heartbeat_file = heartbeat
heartbeat_seconds = 300
backoff_seconds = 3
fizzle_seconds = 60
max_wallclock_seconds = 1800
tenant = ${tenant}
queue_token_key = ${places.privateKey(tenant)}
policy = demand
demand_url = ${url}/demand
demand_max_machines = ${maxMachines}
${
  environment === undefined
    ? ''
    : `
[environment ${environment.name}]
machinetypes = ${machinetype}
tags = ${environment.tags.join(' ')}
cost = ${environment.cost}
memory_mb = 32-128
os_name = debian
max_wall_seconds = 600
vos = ${tenant}
`
}`,
  )
  .join('')}`;
}
