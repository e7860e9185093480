import { join } from 'node:path';
import { type LogLine, Program } from '../program.ts';
import { namespaceOf } from './network.ts';
import type { Host } from './site.ts';

const clockOff = join(import.meta.dirname, 'clock-off.mjs');

/** `vacua factory` in the network namespace of its host. */
export class Daemon extends Program {
  constructor(host: Host, vacua: string, config: string, onLine: (line: LogLine) => void) {
    const skewed = host.clockOff === undefined ? {} : { NODE_OPTIONS: `--import=${clockOff}`, CLOCK_OFF_SECONDS: String(host.clockOff) };
    super(['nsenter', `--net=${namespaceOf(host)}`, '--', vacua, '--config', config, 'factory'], onLine, skewed);
  }
}
