import { hs06Of, type MachineFacts } from '../machine.ts';
import type { MachineModel } from '../machinetype.ts';
import type { Settings } from '../settings.ts';
import { unixSeconds } from '../units.ts';

/** One key of Machine/Job Features. `changes`: it may be another one later, so readers must not keep it for long. */
export interface Feature {
  readonly value: string;
  readonly changes: boolean;
}
export type Features = ReadonlyMap<string, Feature>;

export type FeatureSettings = Pick<Settings, 'grace' | 'machinefeaturesOptions' | 'oldFeatureNames'>;

const decimal = (n: number): string => String(Math.round(n * 1e6) / 1e6);
const whole = (n: number): string => String(Math.trunc(n));

/** Collects keys; `undefined` means that the value is not known, and the key is then absent. */
function collect(fixed: Readonly<Record<string, string | undefined>>, changing: Readonly<Record<string, string | undefined>>): Map<string, Feature> {
  const features = new Map<string, Feature>();
  for (const [key, value] of Object.entries(fixed)) if (value !== undefined) features.set(key, { value, changes: false });
  for (const [key, value] of Object.entries(changing)) if (value !== undefined) features.set(key, { value, changes: true });
  return features;
}

/** Keys and names from before HSF-TN-2016-02, which a site may leave out (spec/machine-job-features.md §3.3). */
const old = (settings: FeatureSettings, keys: Readonly<Record<string, string>>): Readonly<Record<string, string>> => (settings.oldFeatureNames ? keys : {});

/**
 * Unix seconds of a shutdown that the machine is told of. The end of its lifetime is not such a shutdown, for readers take the key
 * as "draining: take no more work"; a machinetype may ask for it all the same (spec/machine-job-features.md §4.1).
 */
function announcedShutdown(machine: MachineFacts): string | undefined {
  return machine.drainAnnounced === true || machine.announceLifetimeAsShutdown === true ? whole(unixSeconds(machine.shutdownTime)) : undefined;
}

/** HEPSPEC06 of the machine; told only where the site has configured it. */
const rating = (machine: MachineFacts): string | undefined => (machine.hs06PerProcessor === undefined ? undefined : decimal(hs06Of(machine)));

/** `$MACHINEFEATURES` (spec/factory.md §14.3, spec/machine-job-features.md §3.1); a key of the site's own beats ours of the same name. */
export function machineFeatures(machine: MachineFacts, settings: FeatureSettings): Features {
  const processors = whole(machine.processors);
  const features = collect(
    {
      total_cpu: processors,
      hs06: rating(machine),
      grace_secs: whole(settings.grace),
      ...old(settings, { phys_cores: processors, log_cores: processors, jobslots: '1' }),
    },
    { shutdowntime: announcedShutdown(machine) },
  );
  for (const [key, value] of settings.machinefeaturesOptions) features.set(key, { value, changes: false });
  return features;
}

/**
 * `$JOBFEATURES` (spec/factory.md §14.3, spec/machine-job-features.md §3.2). The limits in seconds follow a shortened
 * shutdown time, so that `jobstart_secs + wall_limit_secs` is always the end of the lifetime.
 */
export function jobFeatures(machine: MachineFacts, settings: FeatureSettings): Features {
  const processors = whole(machine.processors);
  const start = unixSeconds(machine.createdAt);
  const wall = Math.max(0, unixSeconds(machine.shutdownTime) - start);
  const rssBytes = machine.memoryMb * 1024 * 1024;
  return collect(
    {
      allocated_cpu: processors,
      ...old(settings, { allocated_CPU: processors }),
      hs06_job: rating(machine),
      grace_secs_job: whole(settings.grace),
      jobstart_secs: whole(start),
      job_id: machine.id,
      max_rss_bytes: whole(rssBytes),
      scratch_limit_bytes: machine.scratchBytes === undefined ? undefined : whole(machine.scratchBytes),
      ...old(settings, { cpufactor_lrms: '1.0', mem_limit_MB: whole(rssBytes / 1e6) }),
    },
    {
      shutdowntime_job: announcedShutdown(machine),
      wall_limit_secs: whole(wall),
      ...old(settings, { wall_limit_secs_lrms: whole(wall) }),
      cpu_limit_secs: whole(wall * machine.processors),
      ...old(settings, { cpu_limit_secs_lrms: whole(wall * machine.processors) }),
    },
  );
}

export interface FeaturePlaces {
  readonly machinefeatures: string;
  readonly jobfeatures: string;
  readonly joboutputs: string;
}

const overHttp: FeaturePlaces = {
  machinefeatures: 'http://169.254.169.253/machinefeatures',
  jobfeatures: 'http://169.254.169.253/jobfeatures',
  joboutputs: 'http://169.254.169.253/joboutputs',
};

/** Values for `$MACHINEFEATURES`, `$JOBFEATURES` and `$JOBOUTPUTS` inside a machine (spec/factory.md §14.1). */
export function featurePlaces(model: MachineModel): FeaturePlaces {
  switch (model) {
    case 'docker':
      return { machinefeatures: '/etc/machinefeatures', jobfeatures: '/etc/jobfeatures', joboutputs: '/var/spool/joboutputs' };
    case 'singularity':
      return { machinefeatures: '/tmp/machinefeatures', jobfeatures: '/tmp/jobfeatures', joboutputs: '/tmp/joboutputs' };
    default:
      return overHttp;
  }
}
