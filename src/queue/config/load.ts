import { readdirSync, readFileSync } from 'node:fs';
import { type IniFile, readIni } from '../../core/config/ini.ts';
import { everything, type Problem } from '../../core/config/problem.ts';
import { validName } from '../../core/config/sections.ts';
import { queuePlaces } from './places.ts';
import { type QueueInputs, readQueue } from './read.ts';
import type { QueueConfiguration } from './settings.ts';

export interface LoadOptions extends Pick<QueueInputs, 'queueDir' | 'listen' | 'store'> {
  /** Configuration files; none: every default. */
  readonly paths: readonly string[];
}

/** Reads the configuration of a queue once. Never throws: what cannot be read is a problem. */
export function loadQueue({ paths, ...inputs }: LoadOptions): {
  readonly configuration: QueueConfiguration | undefined;
  readonly problems: readonly Problem[];
} {
  const files: IniFile[] = [];
  const missing: Problem[] = [];
  for (const file of paths) {
    try {
      files.push(readIni(file, readFileSync(file)));
    } catch (error) {
      const text = `cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)}); valid: a readable configuration file`;
      missing.push({ severity: 'error', file, line: 0, column: 0, text, disables: everything });
    }
  }
  const { configuration, problems } = readQueue({ ...inputs, files, tenantsIn });
  return { configuration: missing.length > 0 ? undefined : configuration, problems: [...missing, ...problems] };
}

/** Tenants that have a public key in the directory of the queue. */
function tenantsIn(queueDir: string): readonly string[] {
  try {
    return readdirSync(queuePlaces(queueDir).tenants)
      .filter((name) => name.endsWith('.pub'))
      .map((name) => name.slice(0, -'.pub'.length))
      .filter((name) => validName.test(name))
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
