import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfiguration } from '../src/core/config/configuration.ts';
import { readIni } from '../src/core/config/ini.ts';
import { testEnvironment } from '../src/core/config/testing.ts';
import { atMost, type Bench, median, millisecondsOf, shown } from './result.ts';

/** A site of 90 machinetypes: 1,000 lines, options of every kind, one problem in ten sections. */
export function thousandLines(): string {
  const lines = ['[settings]', 'vac_space = vac01.example.com', 'factory_name = wn01.example.com', 'user_data_option_cvmfs_proxy = http://squid:3128'];
  for (let i = 0; lines.length < 1000; i++) {
    lines.push(
      `[machinetype type-${i}]`,
      '# shares are relative',
      `target_share = ${i % 7}`,
      'machine_model = vm-raw',
      `root_image = https://images.example.com/${i}.qcow2`,
      'user_data = https://images.example.com/user_data',
      'backoff_seconds = 600',
      'max_wallclock_seconds = 86400 ; a day',
      i % 10 === 0 ? 'fizle_seconds = 600' : 'fizzle_seconds = 600',
      `user_data_option_queue = queue-${i}`,
      'accounting_fqan = /vo/Role=pilot',
    );
  }
  return `${lines.slice(0, 1000).join('\n')}\n`;
}

const exitOf = (command: string, args: readonly string[]): Promise<number | null> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'ignore' });
    child.on('error', reject);
    child.on('close', resolve);
  });

export const run: Bench = async () => {
  const directory = await mkdtemp(join(tmpdir(), 'vacua-bench-'));
  try {
    const file = join(directory, 'vac.conf');
    const text = thousandLines();
    await writeFile(file, text);
    const vacua = join(import.meta.dirname, '..', 'bin', 'vacua');
    const codes = new Set<number | null>();
    const whole = await millisecondsOf(async () => void codes.add(await exitOf(vacua, ['check', file])), 10, 2);
    if (codes.size !== 1 || !codes.has(0)) throw new Error(`vacua check ended with ${[...codes].join(', ')}; valid: 0`);
    const node = await millisecondsOf(() => exitOf(process.execPath, ['-e', '0']), 10, 2);
    const read = await millisecondsOf(
      () => readConfiguration({ files: [readIni(file, text)], documents: new Map(), environment: testEnvironment, digest: '' }),
      50,
      10,
    );
    return [
      atMost('check: configuration of 1,000 lines, as a process', median(whole), 'ms', 300, { floor: median(node), note: 'floor: Node that does nothing' }),
      shown('check: reading 1,000 lines', median(read), 'ms'),
    ];
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
};
