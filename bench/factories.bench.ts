import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { atMost, type Bench, median, millisecondsOf, shown } from './result.ts';

const factories = 1000;
const budget = 3000;
const runs = 5;

interface Space {
  readonly port: number;
  readonly factories: readonly string[];
}

async function opened(child: ChildProcess): Promise<Space> {
  const { stdout } = child;
  if (stdout === null) throw new TypeError('no standard output');
  for await (const line of createInterface({ input: stdout })) return JSON.parse(line) as Space;
  throw new Error('the fake space ended before it answered');
}

function outputOf(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let out = '';
    child.stdout.on('data', (chunk) => (out += String(chunk)));
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve(out) : reject(new Error(`${args.join(' ')} ended with ${code}`))));
  });
}

/** `vacua factories` as a person starts it, on a host without a daemon: 1,000 factories on loopback addresses, 1 % of them dead, 1 % of the answers lost. */
export const run: Bench = async () => {
  const directory = await mkdtemp(join(tmpdir(), 'vacua-bench-'));
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'fake-space.ts'), String(factories)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  try {
    const space = await opened(child);
    const file = join(directory, 'vac.conf');
    const names = space.factories.join(' ');
    await writeFile(
      file,
      `[settings]\nvac_space = vac01.example.com\nfactory_name = ${space.factories[0]}\nfactories = ${names}\nvacquery_port = ${space.port}\nstate_dir = ${directory}/state\n`,
    );
    const heard: number[] = [];
    const ask = async (): Promise<void> => {
      const out = await outputOf(join(import.meta.dirname, '..', 'bin', 'vacua'), ['factories', '--config', file]);
      heard.push(Number(/: (\d+) of 1000 factories answered/.exec(out)?.[1]));
    };
    const taken = await millisecondsOf(ask, runs, 1);
    return [
      atMost('vacua factories, 1,000 factories', median(taken), 'ms', budget, { note: '1 % dead, 1 % of the answers lost; as a process' }),
      shown('vacua factories: heard of the 990 that live, least of all runs', Math.min(...heard), 'factories'),
    ];
  } finally {
    child.stdin?.end();
    await rm(directory, { recursive: true, force: true });
  }
};
