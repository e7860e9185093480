import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { firstLocalToken } from '../queue/auth/local-tokens.ts';
import { SecretFileFault } from '../queue/auth/private-file.ts';
import { QueueClient } from '../queue/client/client.ts';
import { QueueError } from '../queue/client/error.ts';
import { loadQueue } from '../queue/config/load.ts';
import { queuePlaces } from '../queue/config/places.ts';
import type { QueueConfiguration } from '../queue/config/settings.ts';
import { problemLine } from '../core/config/problem.ts';
import { CliError, type CliContext, print } from './context.ts';
import { printable } from './text.ts';

export interface QueueOptions {
  readonly queue?: string;
  readonly tokenFile?: string;
}

export const withQueueOptions = (command: Command): Command =>
  command
    .option('--queue <url>', 'the queue (default: $VACUA_QUEUE, else the one of this host)')
    .option('--token-file <file>', 'file with your token (default: $VACUA_QUEUE_TOKEN, else the local token of this host)');

/** Directory of the queue of this host, unless its configuration says otherwise. */
export const queueDirOf = (context: CliContext): string => join(context.stateDir, 'queue');

const usualUrl = 'http://127.0.0.1:8470';
const timeoutMs = 30_000;

/** The configuration of the queue. Prints every problem; throws a CliError when it cannot be used. */
export function queueConfiguration(context: CliContext, given: { readonly listen?: string; readonly store?: string } = {}): QueueConfiguration {
  const { configuration, problems } = loadQueue({ paths: context.configFiles, queueDir: queueDirOf(context), ...given });
  for (const problem of problems) print(context.stderr, printable(problemLine(problem)));
  if (configuration === undefined)
    throw new CliError(2, 'the configuration of the queue cannot be used', 'See the problems above; docs/configuration.md lists the options.');
  return configuration;
}

/** The queue that a user's command is for. */
export function queueClient(context: CliContext, { queue, tokenFile }: QueueOptions): QueueClient {
  const places = queuePlaces(context.configFiles.length > 0 ? queueConfiguration(context).settings.queueDir : queueDirOf(context));
  const url = (queue ?? (context.env.VACUA_QUEUE || undefined) ?? readLine(places.address) ?? usualUrl).replace(/\/+$/, '');
  if (!/^https?:\/\/[^/\s@?#]+(\/[^\s?#]*)?$/.test(url))
    throw new CliError(2, `${JSON.stringify(url)} is no address of a queue`, 'Give one such as http://127.0.0.1:8470.');
  const token = tokenOf(context, tokenFile, places.tokens);
  return new QueueClient({ url, timeoutMs, ...(token !== undefined && { token }) });
}

function tokenOf(context: CliContext, tokenFile: string | undefined, localTokens: string): string | undefined {
  if (tokenFile !== undefined) {
    const token = readLine(tokenFile);
    if (token === undefined) throw new CliError(2, `${tokenFile} holds no token`, 'Name a file with the token in its first line.');
    return token;
  }
  if (context.env.VACUA_QUEUE_TOKEN) return context.env.VACUA_QUEUE_TOKEN;
  try {
    return firstLocalToken(localTokens);
  } catch (error) {
    if (error instanceof SecretFileFault) throw new CliError(2, error.message, 'Give a token with --token-file or $VACUA_QUEUE_TOKEN.', error);
    throw error;
  }
}

/** The first line of a file; undefined: it does not exist, or is empty. */
function readLine(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').split('\n')[0]?.trim() || undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES') return undefined;
    throw error;
  }
}

/** Runs what asks the queue, and says in words and with the exit status why it could not. */
export async function asking<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof QueueError ? explained(error) : error;
  }
}

function explained(error: QueueError): CliError {
  const { status, code, message } = error;
  if (status === undefined || status >= 500) {
    const next = code === 'no_server' ? 'Start one with `vacua queue serve`, or name another with --queue.' : 'Try again; the log of the queue says more.';
    return new CliError(3, message, next, error);
  }
  if (status === 401)
    return new CliError(
      1,
      message,
      'Give a token with --token-file or $VACUA_QUEUE_TOKEN; on the host of the queue run the command as the user of the queue.',
      error,
    );
  if (status === 404) return new CliError(1, message, 'Your jobs: `vacua job list --all`. Files of one: `vacua job output JOB`.', error);
  return new CliError(code === 'bad_request' || code === 'bad_description' ? 2 : 1, message, '', error);
}
