import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Seconds } from '../../core/units.ts';
import { seeded, seedOf } from '../../providers/sim/script.ts';

/** The tenants of the demonstration's space, most wanted first. */
export const tenants = [
  { name: 'red', share: 2 },
  { name: 'green', share: 1 },
  { name: 'blue', share: 1 },
] as const;
export type TenantName = (typeof tenants)[number]['name'];
const allShares = tenants.reduce((sum, t) => sum + t.share, 0);
/** Wanted part of all machines, 0 to 1. */
export const targetOf = (tenant: TenantName): number => (tenants.find((t) => t.name === tenant)?.share ?? 0) / allShares;

const domain = 'demo.example.com';
export const space = `space.${domain}`;
/** Configured everywhere, and never there. */
export const ghost = { name: `wn99.${domain}`, address: '10.99.0.99' } as const;

/** Durations of real sites are a hundred times longer; the rules are the same. In seconds. */
export const pace = { cycle: 1, refresh: 1, answers: 2, backoff: 6, fizzle: 3, shortest: 5, longest: 9 } as const;

export interface Host {
  /** Short name; also that of its network namespace. */
  readonly id: string;
  readonly factory: string;
  readonly address: string;
  readonly provider: 'sim' | 'qemu';
  readonly slots: number;
  /** How far its clock goes wrong. */
  readonly clockOff?: Seconds;
}

/** `real` of the hosts make real machines. Of the simulated ones, the last has a clock that is an hour fast. */
export function hosts(count: number, real: number, hour: Seconds): readonly Host[] {
  return Array.from({ length: count }, (_, i): Host => {
    const id = `wn${String(i + 1).padStart(2, '0')}`;
    const isReal = i >= count - real;
    const base = { id, factory: `${id}.${domain}`, address: `10.99.0.${i + 1}` };
    if (isReal) return { ...base, provider: 'qemu', slots: 1 };
    return { ...base, provider: 'sim', slots: 2, ...(i === count - real - 1 && { clockOff: hour }) };
  });
}

export const hostsFile = (all: readonly Host[]): string =>
  ['127.0.0.1 localhost', ...[...all, { address: ghost.address, factory: ghost.name }].map((h) => `${h.address} ${h.factory}`), ''].join('\n');

export interface Places {
  /** Private to the demonstration; machines run under accounts of their own, which must be able to pass through. */
  readonly directory: string;
  /** Kernel and initial RAM disk of real machines. */
  readonly guest: string;
}

const homeOf = (places: Places, host: Host): string => join(places.directory, host.id);
export const stateDirOf = (places: Places, host: Host): string => join(homeOf(places, host), 'state');
export const configOf = (places: Places, host: Host): string => join(homeOf(places, host), 'vac.conf');

export interface Script {
  /** Seconds after its boot that a machine works. */
  readonly run: number;
  readonly message: string;
}

/** What machines of this tenant on this host do when there is work: runs are drawn from the seed, so that they do not end together. */
export const working = (seed: number, host: Host, tenant: TenantName): Script => ({
  run: Math.round(pace.shortest + (pace.longest - pace.shortest) * seeded(seed ^ seedOf(`${host.id} ${tenant}`))()),
  message: '200 Success',
});
export const nothingToDo: Script = { run: 3, message: '300 Nothing to do' };

/** One script for both: the simulator reads the second line, a real guest runs the others. */
const userData = ({ run, message }: Script): string => `#!/bin/sh
#sim run=${run} message=${message}
sleep ${run}
printf %s '${message}' >/tmp/shutdown_message
curl -s -f -m 20 -T /tmp/shutdown_message '##user_data_joboutputs_url##/shutdown_message'
`;

export function writeUserData(places: Places, host: Host, tenant: TenantName, script: Script): void {
  writeFileSync(join(homeOf(places, host), `user_data.${tenant}`), userData(script));
}

/** Replaces the configuration, or with `broken` its number of processors by a word. */
export function writeConfig(places: Places, all: readonly Host[], host: Host, broken = false): void {
  const home = homeOf(places, host);
  const [kernel, initrd] =
    host.provider === 'qemu' ? [join(places.guest, 'vmlinuz'), join(places.guest, 'initrd')] : [join(home, 'vmlinuz'), join(home, 'initrd')];
  const machinetypes = tenants.map(
    ({ name, share }) => `
[machinetype ${name}]
target_share = ${share}
machine_model = kernel
root_image = ${kernel}
initrd = ${initrd}
user_data = ${join(home, `user_data.${name}`)}
backoff_seconds = ${pace.backoff}
fizzle_seconds = ${pace.fizzle}
max_wallclock_seconds = 900
`,
  );
  writeFileSync(
    configOf(places, host),
    `[settings]
vac_space = ${space}
factory_name = ${host.factory}
factories = ${[...all.map((h) => h.factory), ghost.name].join(' ')}
provider = ${host.provider}
state_dir = ${stateDirOf(places, host)}
total_processors = ${broken ? 'many' : host.slots}
mb_per_processor = 128
# Ten factories and emulated machines load a small host far beyond its processors.
overload_per_processor = 1000
min_free_disk_gb = 0
start_rate_per_minute = 600
cycle_seconds = ${pace.cycle}
space_refresh_seconds = ${pace.refresh}
udp_timeout_seconds = ${pace.answers}
outbound = no
${machinetypes.join('')}`,
  );
}

/** Everything that a host finds on its disk before its factory starts, with stand-ins for the images of simulated machines. */
export function writeHost(places: Places, all: readonly Host[], host: Host, seed: number): void {
  const home = homeOf(places, host);
  mkdirSync(home, { mode: 0o711 });
  writeFileSync(join(home, 'vmlinuz'), Buffer.concat([Buffer.alloc(0x1fe), Buffer.from([0x55, 0xaa]), Buffer.from('..HdrS'), Buffer.alloc(4096)]));
  writeFileSync(join(home, 'initrd'), Buffer.from([0x1f, 0x8b, 8, 0]));
  for (const { name } of tenants) writeUserData(places, host, name, working(seed, host, name));
  writeConfig(places, all, host);
}
