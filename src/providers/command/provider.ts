import type { z } from 'zod';
import type { CommandApi } from '../../core/cloud/settings.ts';
import { type MachineId, seconds } from '../../core/units.ts';
import { type Capabilities, type MachineOrder, type Provider, ProviderError, type ProviderList } from '../contract.ts';
import { AboutAnswer, type Action, ConsoleAnswer, DoneAnswer, ErrorAnswer, ListAnswer, orderDocument, protocolVersion, readList } from './protocol.ts';
import { type Ran, run } from './run.ts';

export interface CommandProviderOptions {
  readonly api: CommandApi;
  readonly space: string;
  readonly manager: string;
  /** Of the daemon; the command sees PATH, HOME and what `pass_environment` names. */
  readonly environment: NodeJS.ProcessEnv;
}

/** Processes at a time: a space that starts a hundred machines must not start a hundred interpreters. */
const maxProcesses = 16;
const consoleSeconds = 20;

/** Machines made by an executable of the site's own: one process per call, JSON on its standard streams (docs/command-provider.md). */
export class CommandProvider implements Provider {
  readonly kind = 'command';
  readonly #options: CommandProviderOptions;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #console = true;

  constructor(options: CommandProviderOptions) {
    this.#options = options;
    const names = ['PATH', 'HOME', ...options.api.passEnvironment];
    this.#environment = Object.fromEntries(names.flatMap((name) => (options.environment[name] === undefined ? [] : [[name, options.environment[name]]])));
  }

  get can(): Capabilities {
    return { console: this.#console, models: ['cernvm3', 'cernvm4', 'vm-raw', 'kernel'], remote: true };
  }

  async open(signal: AbortSignal): Promise<{ readonly notes: readonly string[] }> {
    const about = await this.#call('about', {}, AboutAnswer, signal);
    this.#console = about.console;
    return { notes: about.notes };
  }

  async list(signal: AbortSignal): Promise<ProviderList> {
    return readList(await this.#call('list', {}, ListAnswer, signal));
  }

  async create(order: MachineOrder, signal: AbortSignal): Promise<void> {
    await this.#call('create', { machine: orderDocument(order, this.#options.manager) }, DoneAnswer, signal);
  }

  async shutdown(id: MachineId, signal: AbortSignal): Promise<void> {
    await this.#call('shutdown', { id }, DoneAnswer, signal);
  }

  async destroy(id: MachineId, signal: AbortSignal): Promise<void> {
    await this.#call('destroy', { id }, DoneAnswer, signal);
  }

  async console(id: MachineId): Promise<Uint8Array> {
    const { base64 } = await this.#call('console', { id }, ConsoleAnswer, AbortSignal.timeout(consoleSeconds * 1000));
    return Buffer.from(base64, 'base64');
  }

  async close(): Promise<void> {}

  async #call<S extends z.ZodType>(action: Action, about: object, answer: S, signal: AbortSignal): Promise<z.output<S>> {
    const { api, space, manager } = this.#options;
    const input = `${JSON.stringify({ version: protocolVersion, action, space, manager, ...about })}\n`;
    await this.#turn();
    try {
      return understood(await run({ command: api.command, environment: this.#environment, input, signal }), answer, `${api.command[0]} ${action}`);
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
    }
  }

  async #turn(): Promise<void> {
    while (this.#running >= maxProcesses) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running++;
  }
}

/** The answer, or the error that it says, or what is wrong with it. What cannot be understood is never half believed. */
function understood<S extends z.ZodType>({ stdout, complaint, exitCode }: Ran, answer: S, what: string): z.output<S> {
  const said = complaint === '' ? '' : `; it said: ${complaint}`;
  const wrong = (text: string): ProviderError => new ProviderError('COMMAND_ANSWER', `${what}: ${text}${said}`, { fault: 'host', whole: true });
  let document: unknown;
  try {
    document = JSON.parse(stdout);
  } catch {
    throw wrong(`exit code ${exitCode}, and standard output ${stdout.trim() === '' ? 'is empty' : 'is not JSON'}; valid: one JSON document`);
  }
  const refused = ErrorAnswer.safeParse(document);
  if (refused.success) {
    const { code, message, fault, lack, whole, retry_after } = refused.data.error;
    throw new ProviderError(code as Uppercase<string>, `${what}: ${printable(message)}`, {
      fault,
      ...(lack !== undefined && { lack }),
      ...(whole !== undefined && { whole }),
      ...(retry_after !== undefined && { retryAfter: seconds(retry_after) }),
    });
  }
  if (exitCode !== 0) throw wrong(`exit code ${exitCode} without an error document`);
  const read = answer.safeParse(document);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw wrong(`${printable(issue?.path.join('.') || 'the document')}: ${issue?.message ?? 'not understood'}`);
}

const printable = (text: string): string => text.replaceAll(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, '?').slice(0, 500);
