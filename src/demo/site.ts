import { type Seconds, seconds } from '../core/units.ts';

/** The two tenants, most wanted first. `red` always has work; `blue` runs dry half-way, and one of its jobs hangs. */
export const tenants = [
  { name: 'red', share: 3 },
  { name: 'blue', share: 1 },
] as const;
export type TenantName = (typeof tenants)[number]['name'];
export const machinetypeOf = (tenant: TenantName): string => `${tenant}-prod`;
export const tenantOf = (machinetype: string): TenantName | undefined => tenants.find((t) => machinetypeOf(t.name) === machinetype)?.name;
/** Wanted part of all machines, 0 to 1. */
export const targetOf = (tenant: TenantName): number => (tenants.find((t) => t.name === tenant)?.share ?? 0) / tenants.reduce((sum, t) => sum + t.share, 0);

/** The site has as many slots as makes the shares come out even. */
export const slots = 4;

/** How quickly everything happens. Durations of real sites are a hundred times longer; the rules are the same. */
export interface Pace {
  readonly backoff: Seconds;
  /** Longer than a boot on a busy host, or machines that are still booting count as failed. */
  readonly fizzle: Seconds;
  /** Longer than the agent takes between two of them; with `fizzle` the time it takes to notice the machine that hangs. */
  readonly heartbeat: Seconds;
  /** Shorter than `heartbeat`, so that the job of the machine that hangs waits again when the machine is ended. */
  readonly lease: Seconds;
  /** Machines take no job that cannot end half a minute before this. Short lives free slots soon; blue's has to be longer than it takes to notice a machine that hangs. */
  readonly maxWallclock: Readonly<Record<TenantName, Seconds>>;
  /** Limit of a job. */
  readonly jobWall: Seconds;
  readonly cycle: Seconds;
  readonly bootConcurrency: number;
  /** Points of a job: about 12 µs each in an emulated guest. */
  readonly points: number;
  /** Jobs in blue's two batches. */
  readonly batches: readonly [number, number];
  /** The demonstration gives up after this long. */
  readonly deadline: Seconds;
}

export const realPace: Pace = {
  backoff: seconds(10),
  fizzle: seconds(45),
  heartbeat: seconds(40),
  lease: seconds(30),
  maxWallclock: { red: seconds(110), blue: seconds(160) },
  jobWall: seconds(20),
  cycle: seconds(2),
  bootConcurrency: 3,
  points: 60_000,
  batches: [4, 3],
  deadline: seconds(600),
};

export const simulatedPace: Pace = {
  backoff: seconds(1),
  fizzle: seconds(1),
  heartbeat: seconds(1),
  lease: seconds(0.9),
  maxWallclock: { red: seconds(900), blue: seconds(900) },
  jobWall: seconds(30),
  cycle: seconds(1),
  bootConcurrency: 4,
  points: 20_000,
  batches: [4, 3],
  deadline: seconds(60),
};

export interface SiteOptions {
  readonly pace: Pace;
  readonly provider: 'qemu' | 'sim';
  readonly stateDir: string;
  readonly kernel: string;
  readonly initrd: string;
  /** Ports of the tenants' web servers on 127.0.0.1. */
  readonly ports: ReadonlyMap<TenantName, number>;
  /** Of the queue, there too. */
  readonly queuePort: number;
  /** Files with the keys that sign the tokens of machines. */
  readonly keyOf: (tenant: TenantName) => string;
}

/** The configuration file of the demonstration's site, as an administrator would write it. */
export function siteConfiguration({ pace, provider, stateDir, kernel, initrd, ports, queuePort, keyOf }: SiteOptions): string {
  const all = tenants.map(({ name, share }) => ({ name, share, port: ports.get(name) ?? 0 }));
  return `# The demonstration's site. Images are the site's: a vacuum pipe may not name files of the host.
[settings]
vac_space = demo.example.com
factory_name = host.demo.example.com
factories = host.demo.example.com
provider = ${provider}
state_dir = ${stateDir}
total_processors = ${slots}
mb_per_processor = 128
# Emulated machines load a small host far beyond its processors.
overload_per_processor = 1000
cycle_seconds = ${pace.cycle}
start_rate_per_minute = 120
boot_concurrency = ${pace.bootConcurrency}
outbound = no
host_services = ${queuePort}=127.0.0.1:${queuePort}
${all
  .map(
    ({ name, share, port }) => `
[vacuum_pipe ${name}]
vacuum_pipe_url = http://127.0.0.1:${port}/pipe.json
target_share = ${share}
machine_model = kernel
root_image = ${kernel}
initrd = ${initrd}
tenant = ${name}
queue_token_key = ${keyOf(name)}
`,
  )
  .join('')}`;
}
