import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hostEnvironment } from '../src/factory/config/host-environment.ts';
import { FileConfigurationSource } from '../src/factory/config/source.ts';
import type { StartOptions } from '../src/factory/daemon.ts';
import type { HostProbe } from '../src/factory/host.ts';
import { layout } from '../src/factory/layout.ts';

export interface FactorySite {
  readonly stateDir: string;
  readonly options: StartOptions;
  remove(): void;
}

/** What a site of `slots` one-processor machines is configured with, besides what all benches share. */
export interface SiteAbout {
  readonly slots: number;
  /** Further lines of `[settings]`. */
  readonly settings: readonly string[];
  /** Further lines of the one machinetype. */
  readonly machinetype: readonly string[];
  readonly kernel: string;
  readonly initrd: string;
  readonly userData: string;
}

/** The whole daemon, as `vacua factory` starts it, on a host that is said to have `slots` processors. */
export function factorySite(about: SiteAbout): FactorySite {
  const directory = mkdtempSync(join(tmpdir(), 'vacua-bench-'));
  const stateDir = join(directory, 'state');
  mkdirSync(layout(stateDir).machinetype('bench'), { recursive: true });
  const userData = join(directory, 'user_data');
  writeFileSync(userData, about.userData);
  const config = join(directory, 'vac.conf');
  const lines = [
    '[settings]',
    'vac_space = bench.example.com',
    'factory_name = host.example.com',
    `state_dir = ${stateDir}`,
    'overload_per_processor = 1000000',
    'min_free_disk_gb = 0',
    'start_rate_per_minute = 100000',
    ...about.settings,
    '[machinetype bench]',
    'target_share = 1',
    'machine_model = kernel',
    `root_image = ${about.kernel}`,
    `initrd = ${about.initrd}`,
    `user_data = ${userData}`,
    ...about.machinetype,
  ];
  writeFileSync(config, `${lines.join('\n')}\n`);
  const host: HostProbe = { processors: about.slots, facts: async () => ({ load: 0 }) };
  const environment = { ...hostEnvironment(), processors: about.slots };
  return {
    stateDir,
    options: { configuration: new FileConfigurationSource({ files: [config], environment }), host },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}
