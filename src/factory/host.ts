import { statfs } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg } from 'node:os';
import type { HostFacts } from '../core/observed.ts';

/** What the loop asks about its host. Replaced by fixed answers in tests and simulations. */
export interface HostProbe {
  readonly processors: number;
  facts(stateDir: string): Promise<Pick<HostFacts, 'load' | 'freeDiskBytes'>>;
}

export const systemHost = (processors: number = cpus().length || availableParallelism()): HostProbe => ({
  processors,
  async facts(stateDir) {
    const load = Math.max(...loadavg());
    const disk = await statfs(stateDir).catch(() => undefined); // an unreadable disk is the fact "unknown"
    return { load, ...(disk && { freeDiskBytes: disk.bavail * disk.bsize }) };
  },
});
