import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import * as fc from 'fast-check';
import type { JobId, JobSpec } from '../../core/jobs/job.ts';
import { plainSpec } from '../testing.ts';
import { jobScript } from './job-script.ts';

const root = mkdtempSync(join(tmpdir(), 'vacua-script-'));
after(() => rmSync(root, { recursive: true, force: true }));
let runs = 0;

interface Ran {
  readonly status: number | null;
  readonly out: string;
  read(name: string): string;
}

/** Runs the script of a job in a new directory that holds these files. */
function run(shell: readonly string[], spec: Partial<JobSpec>, files: Readonly<Record<string, string>> = {}): Ran {
  const directory = join(root, String(++runs));
  mkdirSync(directory);
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content);
  const script = join(directory, '.script');
  writeFileSync(script, jobScript({ id: '0'.repeat(20) as JobId, spec: { ...plainSpec, ...spec } }));
  const [command = 'sh', ...words] = shell;
  const { status, stdout, stderr } = spawnSync(command, [...words, script], {
    cwd: directory,
    env: { PATH: process.env['PATH'] ?? '/bin', HOME: '/root/of all', MACHINEFEATURES: '/etc/machinefeatures' },
    input: 'of the agent',
  });
  return { status, out: `${stdout.toString('utf8')}${stderr.toString('utf8')}`, read: (name) => readFileSync(join(directory, name), 'utf8') };
}

const shells: readonly (readonly string[])[] = [['/bin/sh'], ['busybox', 'sh']];
/** Every text that a process can be given as an argument: no NUL, no lone surrogate. */
const argument = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }).map((text) => text.replaceAll('\0', '')),
  fc.string({ unit: fc.constantFrom(...'\'"\\$`!*?[]{}()<>|&;# \n\t~=-ä'), maxLength: 12 }),
);

for (const shell of shells) {
  describe(`a job's script under ${shell.join(' ')}`, () => {
    it('gives every argument to the job byte by byte, and every variable', () => {
      fc.assert(
        fc.property(fc.array(argument, { maxLength: 6 }), argument, (words, value) => {
          const { status, read } = run(shell, {
            executable: '/usr/bin/printf',
            arguments: ['%s\\0', ...words, 'end'],
            stdout: 'out',
            environment: { LOOK: value },
          });
          assert.equal(status, 0);
          assert.deepEqual(read('out').split('\0').slice(0, -1), [...words, 'end']);
          const seen = run(shell, { executable: '/usr/bin/printenv', arguments: ['LOOK'], environment: { LOOK: value } });
          assert.equal(seen.out, `${value}\n`);
        }),
        { numRuns: 40 },
      );
    });

    it('its status is that of the job, its output goes to files or to the log, and it never reads the input of the agent', () => {
      const { status, out, read } = run(
        shell,
        { executable: 'job.sh', inputs: ['job.sh'], arguments: ['a'], stdout: 'result', outputs: [] },
        { 'job.sh': '#!/bin/sh\ncat\necho "$1 $VACUA_JOB_ID $VACUA_JOB_RUN $MACHINEFEATURES"\necho to the log >&2\nexit 7\n' },
      );
      assert.deepEqual([status, out, read('result')], [7, 'to the log\n', `a ${'0'.repeat(20)} 1 /etc/machinefeatures\n`]);
      const same = run(
        shell,
        { executable: '/bin/sh', arguments: ['-c', 'cat; echo error >&2'], stdin: 'given', inputs: ['given'], stdout: 'all', stderr: 'all' },
        { given: 'read\n' },
      );
      assert.equal(same.read('all'), 'read\nerror\n');
    });

    it('a variable in the path of an executable is put in, and nothing else is', () => {
      const { status, out } = run(shell, { executable: '/bin/$NAME', arguments: ['$HOME', '$(id)'], environment: { NAME: 'echo' } });
      assert.deepEqual([status, out], [0, '$HOME $(id)\n']);
      assert.match(run(shell, { executable: '/no/$HOME/`id`/x' }).out, /\/no\/\/root\/of all\/`id`\/x/);
    });

    it('a prologue that fails ends the job with 125 and says so; the epilogue runs after it and changes nothing', () => {
      const failed = run(shell, { executable: '/bin/echo', arguments: ['ran'], prologue: { executable: '/bin/sh', arguments: ['-c', 'exit 3'] } });
      assert.deepEqual([failed.status, failed.out, failed.read('.vacua-failure')], [125, '', 'prologue /bin/sh ended with status 3\n']);
      const command = (text: string) => ({ executable: '/bin/sh', arguments: ['-c', text] });
      const whole = run(shell, { ...command('echo job; exit 5'), prologue: command('echo first'), epilogue: command('echo last; exit 9') });
      assert.deepEqual([whole.status, whole.out], [5, 'first\njob\nlast\n']);
    });

    it('names of files that look like options or hold odd characters are files', () => {
      const { status, read } = run(
        shell,
        { executable: '-n', inputs: ['-n'], stdout: '--help', stderr: '+x' },
        { '-n': '#!/bin/sh\necho out\necho err >&2\n' },
      );
      assert.deepEqual([status, read('--help'), read('+x')], [0, 'out\n', 'err\n']);
    });
  });
}
