import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { guestImages } from '../../src/providers/qemu/guest-images.ts';
import { queuePlaces } from '../../src/queue/config/places.ts';
import { hostAddress } from './bed.ts';
import { type SpaceText, spaceText } from './space-text.ts';

export const tenants = ['red', 'blue'] as const;
export type Tenant = (typeof tenants)[number];
/** As jobs ask for them. */
export const places = { host: 'HOST-SITE', cloud: 'CLOUD-SITE' } as const;
export type PlaceName = keyof typeof places;

/** Greatest number of machines at the cloud. */
export const cloudMachines = 3;
const hostMachines = 2;
const agentScript = join(import.meta.dirname, '..', '..', 'src', 'queue', 'agent', 'agent.sh');
/** Seconds. Long enough for a cloud whose services are away for a while, short enough that a lost machine is noticed. */
const lease = 60;
const startingLimit = 150;

/** A site as its administrators would write it, in one file: the tenants' queue, a host with machines, and a space at the cloud. */
export interface SiteText extends Pick<SpaceText, 'project' | 'space' | 'passwordFile' | 'guestPort'> {
  readonly directory: string;
  readonly stateDir: string;
  readonly queuePort: number;
  /** URL where tenants publish. */
  readonly web: string;
}

/** The agent as it is, in the guests of both places. */
export const userData = (): string => readFileSync(agentScript, 'utf8');

/** What a tenant publishes for one place. */
export function pipeText(place: PlaceName, queuePort: number, userDataUrl: string): string {
  const machinetype = {
    suffix: 'job',
    target_share: 1,
    user_data: userDataUrl,
    user_data_option_queue: place === 'host' ? `http://169.254.169.253:${queuePort}` : `http://${hostAddress}:${queuePort}`,
    user_data_option_queue_wait: 3,
    heartbeat_file: 'heartbeat',
    heartbeat_seconds: 300,
    max_wallclock_seconds: 1800,
    min_wallclock_seconds: 300,
    backoff_seconds: 20,
    fizzle_seconds: 60,
    ...(place === 'host' ? { machine_model: 'kernel' } : { machine_model: 'vm-raw', root_image: 'image:tiny' }),
  };
  return JSON.stringify({ cache_seconds: 600, machinetypes: [machinetype] });
}

/** The configuration file of the site. */
export function siteText({ project, space, passwordFile, directory, stateDir, queuePort, guestPort, web }: SiteText): string {
  const { kernel, initrd } = guestImages();
  const queueDir = join(directory, 'queue');
  const more = [`gocdb_sitename = ${places.cloud}`, `starting_limit_seconds = ${startingLimit}`];
  const forTenant = (tenant: Tenant): string => `target_share = 1
tenant = ${tenant}
queue_token_key = ${queuePlaces(queueDir).privateKey(tenant)}
policy = demand
demand_url = http://127.0.0.1:${queuePort}/demand
`;
  return `[queue]
listen = 127.0.0.1:${queuePort}
queue_dir = ${queueDir}
lease_seconds = ${lease}
kill_after_seconds = 2
default_wall_seconds = 120
default_memory_mb = 32

[settings]
vac_space = host.${space}
factory_name = manager.${space}
gocdb_sitename = ${places.host}
provider = qemu
accelerator = tcg
state_dir = ${stateDir}
total_processors = ${hostMachines}
mb_per_processor = 96
overload_per_processor = 1000000
min_free_disk_gb = 0
start_rate_per_minute = 120
cycle_seconds = 5
outbound = no
host_services = ${queuePort}=127.0.0.1:${queuePort}

${tenants
  .map(
    (tenant) => `[vacuum_pipe ${tenant}]
vacuum_pipe_url = ${web}/host.json
root_image = ${kernel}
initrd = ${initrd}
${forTenant(tenant)}
[vacuum_pipe ${space} ${tenant}]
vacuum_pipe_url = ${web}/cloud.json
allow_http = yes
flavor_names = t1.nano
mb_per_processor = 96
${forTenant(tenant)}
`,
  )
  .join('')}
${spaceText({ project, space, passwordFile, guestPort, machinesLimit: cloudMachines, more })}`;
}
