import { spawn } from 'node:child_process';
import { ProviderError } from '../contract.ts';

/** A list of 100,000 machines is shorter; what is longer is a mistake or an attack. */
const maxOutputBytes = 64 * 1024 * 1024;
const maxComplaintBytes = 4096;
/** Between TERM and KILL of a command that has outlived its deadline, and for what one that has ended left open to be read. */
const patienceMilliseconds = 2000;

export interface Ran {
  readonly stdout: string;
  /** Last line of what it wrote to standard error, printable. */
  readonly complaint: string;
  readonly exitCode: number;
}

export interface RunOptions {
  readonly command: readonly [string, ...string[]];
  readonly environment: NodeJS.ProcessEnv;
  readonly input: string;
  readonly signal: AbortSignal;
}

/**
 * One process for one call, in a process group of its own so that all of it can be ended; input and answer only by its standard streams.
 * Rejects with ProviderError when it cannot be started, is ended by the signal, dies by another, or writes too much.
 */
export function run({ command: [file, ...args], environment, input, signal }: RunOptions): Promise<Ran> {
  if (signal.aborted) return Promise.reject(fail('COMMAND_DEADLINE', `${file}: the time for this call was over before it began`));
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { env: environment, stdio: ['pipe', 'pipe', 'pipe'], detached: true, cwd: '/' });
    const out: Buffer[] = [];
    let bytes = 0;
    let complaint = Buffer.alloc(0);
    let ended: ProviderError | undefined;
    let killing: NodeJS.Timeout | undefined;
    let letGo: NodeJS.Timeout | undefined;
    const end = (why: ProviderError): void => {
      if (ended !== undefined) return;
      ended = why;
      kill(child.pid, 'SIGTERM');
      killing = setTimeout(() => kill(child.pid, 'SIGKILL'), patienceMilliseconds);
    };
    const onAbort = (): void => end(fail('COMMAND_DEADLINE', `${file} did not end in the time for this call, and was ended`));
    signal.addEventListener('abort', onAbort, { once: true });
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxOutputBytes) end(fail('COMMAND_OUTPUT', `${file} wrote more than ${maxOutputBytes} bytes, and was ended`));
      else out.push(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      complaint = Buffer.concat([complaint, chunk]).subarray(-maxComplaintBytes);
    });
    // A command that does not read its input is no error: it may know enough.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    child.once('error', (cause) => {
      signal.removeEventListener('abort', onAbort);
      reject(fail('COMMAND_NOT_STARTED', `${file} cannot be started: ${cause.message}; valid: the absolute path of an executable file`, cause));
    });
    // A machine that it has started may hold its outputs open for as long as it lives. All that the command itself wrote can be read at once.
    child.once('exit', () => {
      letGo = setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, patienceMilliseconds);
    });
    child.once('close', (exitCode, killedBy) => {
      signal.removeEventListener('abort', onAbort);
      clearTimeout(killing);
      clearTimeout(letGo);
      // Whatever it has left behind in its own group ends with it.
      kill(child.pid, 'SIGKILL');
      const said = lastLine(complaint);
      if (ended !== undefined) reject(ended);
      else if (exitCode === null) reject(fail('COMMAND_KILLED', `${file} was killed by ${killedBy}${said && `: ${said}`}`));
      else resolve({ stdout: Buffer.concat(out).toString('utf8'), complaint: said, exitCode });
    });
  });
}

const fail = (code: Uppercase<string>, message: string, cause?: unknown): ProviderError =>
  new ProviderError(code, message, { fault: 'host', whole: true, cause });

function kill(group: number | undefined, signal: NodeJS.Signals): void {
  if (group === undefined) return;
  try {
    process.kill(-group, signal);
  } catch {
    // It has ended already.
  }
}

function lastLine(bytes: Buffer): string {
  const lines = bytes.toString('utf8').trim().split('\n');
  return (lines.at(-1) ?? '').replaceAll(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, '?').slice(0, 300);
}
