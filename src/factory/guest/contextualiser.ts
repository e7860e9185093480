import { createHash, randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { siteName } from '../../core/decide/outcomes.ts';
import type { Environment } from '../../core/environment/environment.ts';
import { type RemoteTemplateFacts, renderUserData, substitutionsFor, unknownPatterns } from '../../core/guest/template.ts';
import { agentClaims } from '../../core/jobs/agent-token.ts';
import type { Machine } from '../../core/machine.ts';
import type { Machinetype } from '../../core/machinetype.ts';
import type { Settings } from '../../core/settings.ts';
import type { Clock } from '../clock.ts';
import { type Forbidden, fetchLimited, HttpFetchError, maskUrl, namedByPipe, pipeGuard } from '../http-fetch.ts';
import type { Layout } from '../layout.ts';
import type { Contextualiser } from '../parts.ts';
import { version } from '../version.ts';
import { readLocalFile, writePrivateFile } from './local-file.ts';
import { signToken } from './queue-token.ts';
import { makeProxy } from './x509-proxy.ts';

export type FetchLimited = (
  url: string,
  options: {
    readonly timeoutSeconds: number;
    readonly maxBytes: number;
    readonly caDir: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly signal: AbortSignal;
    readonly forbidden?: Forbidden;
  },
) => Promise<{ readonly status: number; readonly headers: Headers; readonly body: Uint8Array }>;

export interface ContextualiserParts {
  readonly layout: Layout;
  readonly clock: Pick<Clock, 'wall'>;
  readonly fetch?: FetchLimited;
  /** Execution environments of the site, whose tags stand in tokens for queues. */
  readonly environments?: () => readonly Environment[];
  /** Present for a space at a cloud: what its machines are told of the way here. */
  readonly remote?: (machine: Machine, machinetype: Machinetype) => RemoteTemplateFacts;
  /** Patterns of a template that nothing is known for; they have been removed. */
  readonly onUnknownPatterns?: (machinetype: Machinetype, patterns: readonly string[]) => void;
}

/** Templates and the files put into them. Far above any real one, and small enough to be held in memory. */
const maxTemplateBytes = 4 * 1024 * 1024;
const maxKeyBytes = 16_384;
const maxPemBytes = 256 * 1024;
const fetchSeconds = 30;
const manager = `Vacua ${version}`;

/** Prepares what a machine will be told: user data from its template, and the public key for root (spec/factory.md §11.1, §12). */
export class HostContextualiser implements Contextualiser {
  readonly #parts: ContextualiserParts;
  readonly #fetch: FetchLimited;

  constructor(parts: ContextualiserParts) {
    this.#parts = parts;
    this.#fetch = parts.fetch ?? fetchLimited;
  }

  async prepare(machine: Machine, machinetype: Machinetype, settings: Settings, signal: AbortSignal): Promise<void> {
    const { layout } = this.#parts;
    await mkdir(layout.machine(machine.id), { recursive: true, mode: 0o700 });
    await this.#copyPublicKey(machine, machinetype.cloud?.rootPublicKey ?? settings.rootPublicKey);
    if (machinetype.userData === undefined) {
      await rm(layout.userData(machine.id), { force: true });
      return;
    }
    const template = await this.#template(machinetype.userData, machinetype, settings, signal);
    const files = new Map<string, Uint8Array>();
    for (const [name, file] of machinetype.userDataFiles) {
      files.set(name, await explained(`user_data_file_${name}`, readLocalFile(file, machinetype.filesDir, maxTemplateBytes)));
    }
    const proxy = machinetype.userDataProxy ? await explained('user_data_proxy', this.#proxy(machine, machinetype)) : undefined;
    const queueToken =
      machinetype.queueTokenKey && (await explained('queue_token_key', this.#queueToken(machine, machinetype, settings, machinetype.queueTokenKey)));
    const secrets = { ...(proxy !== undefined && { proxy }), ...(queueToken !== undefined && { queueToken }) };
    const remote = this.#parts.remote && { remote: this.#parts.remote(machine, machinetype) };
    const substitutions = substitutionsFor({ machine, machinetype, settings, manager, files, ...secrets, ...remote });
    const unknown = unknownPatterns(template, substitutions);
    if (unknown.length > 0) this.#parts.onUnknownPatterns?.(machinetype, unknown);
    await writePrivateFile(layout.userData(machine.id), renderUserData(template, substitutions));
  }

  /** A key that cannot be read is no reason not to start (spec/factory.md §3.2). */
  async #copyPublicKey(machine: Machine, path: string): Promise<void> {
    const target = this.#parts.layout.rootPublicKey(machine.id);
    const key = await readLocalFile(path, '/', maxKeyBytes).catch(() => undefined);
    await (key === undefined ? rm(target, { force: true }) : writePrivateFile(target, key));
  }

  #template(userData: string, machinetype: Machinetype, settings: Settings, signal: AbortSignal): Promise<Uint8Array> {
    if (!/^https?:\/\//.test(userData)) return explained('user_data', readLocalFile(userData, machinetype.filesDir, maxTemplateBytes));
    return this.#fetchTemplate(userData, namedByPipe(machinetype, 'userData'), settings, signal);
  }

  /** Fetched anew for every machine. A copy stands in only where the site allows it, and never for a server that answers "no". */
  async #fetchTemplate(url: string, pipeHost: string | undefined, settings: Settings, signal: AbortSignal): Promise<Uint8Array> {
    // What the site itself may fetch is not handed to a pipe that names the same URL.
    const key = pipeHost === undefined ? url : JSON.stringify([url, pipeHost]);
    const copy = join(this.#parts.layout.templates, createHash('sha256').update(key).digest('hex'));
    try {
      const template = await this.#fetchOnce(url, pipeHost, settings, signal);
      if (settings.userDataFallback) await keepCopy(copy, template);
      return template;
    } catch (error) {
      if (!settings.userDataFallback || error instanceof Refused || signal.aborted) throw error;
      return await readLocalFile(copy, '/', maxTemplateBytes).catch(() => {
        throw error;
      });
    }
  }

  async #fetchOnce(url: string, pipeHost: string | undefined, { caDir }: Settings, signal: AbortSignal): Promise<Uint8Array> {
    const headers = { 'user-agent': manager };
    const guard = pipeHost === undefined ? {} : { forbidden: pipeGuard(pipeHost) };
    const options = { timeoutSeconds: fetchSeconds, maxBytes: maxTemplateBytes, caDir, headers, signal, ...guard };
    const { status, body } = await explained('user_data', this.#fetch(url, options)).catch((error: Error) => {
      throw error.cause instanceof HttpFetchError && error.cause.code === 'HTTP_FORBIDDEN' ? new Refused(error.message, { cause: error.cause }) : error;
    });
    if (status === 200) return body;
    const text = `user_data: ${maskUrl(url)}: HTTP status ${status}; 200 is needed`;
    throw status >= 500 ? new Error(text) : new Refused(text);
  }

  #queueToken(machine: Machine, { tenant = '', environments = [], filesDir }: Machinetype, settings: Settings, file: string): Promise<string> {
    const { clock, environments: defined } = this.#parts;
    const about = { machine, factory: settings.factoryName, site: siteName(settings), tenant, environments, defined: defined?.() ?? [], jti: randomUUID() };
    return signToken(agentClaims(about, clock.wall()), { file, filesDir });
  }

  async #proxy(machine: Machine, machinetype: Machinetype): Promise<string> {
    const directory = dirname(machinetype.filesDir);
    const read = async (name: string): Promise<string> => Buffer.from(await readLocalFile(join(directory, name), '/', maxPemBytes)).toString('latin1');
    const source = { certificates: await read('x509cert.pem'), key: await read('x509key.pem') };
    const form = machinetype.legacyProxy ? 'legacy' : 'rfc3820';
    return makeProxy(source, { form, machinetype: machinetype.name, now: this.#parts.clock.wall(), until: machine.shutdownTime });
  }
}

/** The server was reached and does not have it, or must not be asked: an older copy would be against somebody's will. */
class Refused extends Error {}

async function keepCopy(path: string, template: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writePrivateFile(path, template);
}

/** Says which option a failure belongs to. */
async function explained<T>(option: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new Error(`${option}: ${(error as Error).message}`, { cause: error });
  }
}
