import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { atMost, type Bench, median, millisecondsOf } from './result.ts';

const budget = 150;
const runs = 15;

/** `vacua --help` as a person starts it: `bin/vacua`, a new process each time, the compile cache warm as after any first command. */
export const run: Bench = async () => {
  const vacua = join(import.meta.dirname, '..', 'bin', 'vacua');
  const helps = (): void => {
    const { status, stdout } = spawnSync(vacua, ['--help'], { encoding: 'utf8' });
    if (status !== 0 || !stdout.includes('Usage: vacua')) throw new Error(`vacua --help ended with ${status}`);
  };
  const bare = (): void => void spawnSync(process.execPath, ['-e', '0']);
  const floor = median(await millisecondsOf(bare, runs, 2));
  return [atMost('vacua --help', median(await millisecondsOf(helps, runs, 2)), 'ms', budget, { floor, note: 'floor: Node that does nothing' })];
};
