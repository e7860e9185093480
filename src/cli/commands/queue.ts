import { mkdirSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import type { Command } from 'commander';
import { pino, stdTimeFunctions } from 'pino';
import { nameRule, validName } from '../../core/config/sections.ts';
import { version } from '../../factory/version.ts';
import { addLocalToken, createLocalTokens, validOwner } from '../../queue/auth/local-tokens.ts';
import { SecretFileFault } from '../../queue/auth/private-file.ts';
import { makeTenantKey } from '../../queue/auth/tenant-keys.ts';
import { queuePlaces } from '../../queue/config/places.ts';
import { StoreError } from '../../queue/store.ts';
import { CliError, type CliContext, print } from '../context.ts';
import { queueConfiguration } from '../queue-access.ts';
import { logLine, readLogLine } from '../views/log-line.ts';

export function register(program: Command, context: CliContext): void {
  const queue = program.command('queue').description("A tenant's task queue: machines fetch their jobs from it.");
  queue
    .command('serve')
    .description('Serve the queue in the foreground until SIGINT or SIGTERM. Agents that wait come again to the next server.')
    .option('--listen <host:port>', 'address instead of the configured one (127.0.0.1:8470)')
    .option('--store <store>', 'absolute path of an SQLite file, or postgres://…, instead of the configured one')
    .action(async (options: { listen?: string; store?: string }) => serve(context, options));
  queue
    .command('key')
    .description('Make the pair of keys of a tenant: the private one signs the tokens of its machines, the public one is for the queue.')
    .argument('<tenant>', 'name of the tenant')
    .action((tenant: string) => key(context, tenant));
  queue
    .command('token')
    .description('Make a further token for a user of this host and print it.')
    .argument('<owner>', 'name of the user')
    .argument('[tenant...]', 'tenants of the user; none: all')
    .action((owner: string, tenants: string[]) => token(context, owner, tenants));
}

async function serve(context: CliContext, options: { readonly listen?: string; readonly store?: string }): Promise<void> {
  const { stdout, isTerminal, colour, signal } = context;
  const configuration = queueConfiguration(context, options);
  // Lines for people on a terminal; JSON for whoever collects the output of a service.
  const write = (line: string): void => void (isTerminal ? print(stdout, logLine(readLogLine(line) ?? {}, colour)) : stdout.write(line));
  const log = pino({ base: null, timestamp: stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } }, { write });
  const [{ openJobStore }, { serveQueue }] = await Promise.all([import('../../queue/open.ts'), import('../../queue/server/serve.ts')]);
  try {
    mkdirSync(configuration.settings.queueDir, { recursive: true, mode: 0o700 });
    const store = await openJobStore(configuration, hostname(), version);
    const running = await serveQueue({ configuration, store, log, version, user: userInfo().username, hostName: hostname() });
    if (configuration.tenants.size === 0)
      print(context.stderr, 'vacua: there is no tenant yet; make one with: vacua queue key NAME, and start the queue again');
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    await running.stop();
  } catch (error) {
    if (error instanceof StoreError)
      throw new CliError(error.code === 'VERSION' || error.code === 'DAMAGED' ? 2 : 3, error.message, 'docs/queue-store.md says what a store needs.', error);
    if (error instanceof SecretFileFault) throw new CliError(2, error.message, '', error);
    const { code, syscall, message } = error as NodeJS.ErrnoException;
    if (syscall === 'listen')
      throw new CliError(
        3,
        `cannot listen on ${configuration.settings.listen.host}:${configuration.settings.listen.port} (${code})`,
        'Is another queue running? Choose another port with --listen.',
        error,
      );
    if (syscall !== undefined) throw new CliError(3, message, 'Files of the queue are below its directory; docs/queue.md.', error);
    throw error;
  }
}

function key(context: CliContext, tenant: string): void {
  if (!validName.test(tenant)) throw new CliError(2, `${JSON.stringify(tenant)} is no name of a tenant`, `Valid: ${nameRule}.`);
  const places = queuePlaces(queueConfiguration(context).settings.queueDir);
  const made = makeTenantKey(places, tenant);
  if (made === undefined)
    throw new CliError(
      1,
      `${places.privateKey(tenant)} exists already and is kept`,
      'To replace a key, give the queue both public keys in agent_key_file; docs/queue.md.',
    );
  print(context.stdout, `private: ${made.privateFile}  (queue_token_key of the machinetypes of ${tenant}; keep it secret)`);
  print(context.stdout, `public:  ${made.publicFile}  (used by the queue of this directory from its next start)`);
}

function token(context: CliContext, owner: string, tenants: readonly string[]): void {
  if (!validOwner.test(owner))
    throw new CliError(2, `${JSON.stringify(owner)} is no name of a user`, 'Valid: a letter or digit, then printable characters without blanks, 128 at most.');
  const wrong = tenants.find((name) => !validName.test(name));
  if (wrong !== undefined) throw new CliError(2, `${JSON.stringify(wrong)} is no name of a tenant`, `Valid: ${nameRule}.`);
  const { tokens } = queuePlaces(queueConfiguration(context).settings.queueDir);
  try {
    // The first token is always that of the user who runs the queue.
    createLocalTokens(tokens, userInfo().username);
    print(context.stdout, addLocalToken(tokens, owner, tenants.length === 0 ? ['*'] : tenants));
  } catch (error) {
    if (error instanceof SecretFileFault) throw new CliError(2, error.message, '', error);
    throw error;
  }
}
