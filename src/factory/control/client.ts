import { type IncomingMessage, request } from 'node:http';
import { z } from 'zod';
import type { Decision } from '../../core/decision.ts';
import type { Machine, UsageRecord } from '../../core/machine.ts';
import type { Observed } from '../../core/observed.ts';
import type { CensusOptions, FactoryAnswer } from '../../core/space/census.ts';
import type { SpaceReport } from '../../core/space/report.ts';
import type { MachineId } from '../../core/units.ts';
import type { AskedKind } from '../../core/vacquery/query.ts';
import type { FactoryStatus } from '../view.ts';
import * as answers from './answers.ts';
import { ControlError } from './control-error.ts';
import { Machine as MachineSchema, type SpaceMachine } from './schema.ts';
import * as space from './space-answers.ts';
import { ShortPath } from './socket.ts';

export type ConfigurationAnswer = z.output<typeof answers.ConfigurationAnswer>;

interface Sending {
  readonly body?: object;
  /** For answers without end; without one, silence is limited. */
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

/** Asks the factory that runs on one state directory. Every method rejects with a `ControlError` alone. */
export class ControlClient {
  readonly socketPath: string;
  readonly #timeoutMs: number;
  readonly #space: string | undefined;

  /** `space`: everything is asked of this one alone. `timeoutMs`: longest silence before and within an answer; event streams may be silent for ever. */
  constructor(socketPath: string, timeoutMs = 10_000, space?: string) {
    this.socketPath = socketPath;
    this.#timeoutMs = timeoutMs;
    this.#space = space;
  }

  /** The same daemon, asked about one of its spaces. */
  of(space: string): ControlClient {
    return new ControlClient(this.socketPath, this.#timeoutMs, space);
  }

  async spaces(): Promise<readonly answers.SpaceEntry[]> {
    return (await this.#json('GET', '/v1/spaces', answers.Spaces)).spaces;
  }

  status(): Promise<FactoryStatus> {
    return this.#json('GET', '/v1/status', answers.Status);
  }
  async machines(): Promise<readonly SpaceMachine[]> {
    return (await this.#json('GET', '/v1/machines', answers.Machines)).machines;
  }
  machine(id: MachineId): Promise<Machine> {
    return this.#json('GET', `/v1/machines/${id}`, MachineSchema);
  }
  async console(id: MachineId): Promise<Uint8Array> {
    return await bytes(await this.#send('GET', `/v1/machines/${id}/console`));
  }
  async outputs(id: MachineId): Promise<readonly answers.Output[]> {
    return (await this.#json('GET', `/v1/machines/${id}/outputs`, answers.Outputs)).outputs;
  }
  /** Bytes of one output as they come. */
  async output(id: MachineId, name: string): Promise<AsyncIterable<Uint8Array>> {
    return await this.#send('GET', `/v1/machines/${id}/outputs/${encodeURIComponent(name)}`);
  }
  async machinetypes(): Promise<readonly answers.MachinetypeAnswer[]> {
    return (await this.#json('GET', '/v1/machinetypes', answers.Machinetypes)).machinetypes;
  }
  turn(): Promise<{ readonly observed: Observed; readonly decision: Decision }> {
    return this.#json('GET', '/v1/turn', answers.Turn);
  }
  async why(machinetype?: string): Promise<readonly string[]> {
    const query = machinetype === undefined ? '' : `?machinetype=${encodeURIComponent(machinetype)}`;
    return (await this.#json('GET', `/v1/why${query}`, answers.Why)).lines;
  }
  situation(): Promise<Record<string, unknown>> {
    return this.#json('GET', '/v1/situation', answers.Situation);
  }
  configuration(): Promise<ConfigurationAnswer> {
    return this.#json('GET', '/v1/configuration', answers.ConfigurationAnswer);
  }
  async usage(): Promise<readonly UsageRecord[]> {
    return (await this.#json('GET', '/v1/usage', answers.Usage)).usage;
  }
  space(): Promise<SpaceReport> {
    return this.#json('GET', '/v1/space', space.SpaceReport);
  }
  /** Lets the factory ask others once (spec/vacquery.md §7). */
  async ask(kind: AskedKind, { factories = [], within }: CensusOptions): Promise<readonly FactoryAnswer[]> {
    const query = [`within=${within.toFixed(3)}`, ...factories.map((name) => `factory=${encodeURIComponent(name)}`)].join('&');
    const timeoutMs = this.#timeoutMs + within * 1000;
    return (await this.#json('GET', `/v1/space/${kind}?${query}`, space.SpaceAnswers, { timeoutMs })).answers;
  }
  /** Events from now on; ends with the factory, or when the signal aborts. Kinds that this version does not know are skipped. */
  async *events(signal: AbortSignal): AsyncIterable<answers.EventLine> {
    const response = await this.#send('GET', '/v1/events', { signal });
    try {
      for await (const line of lines(response)) {
        const parsed = answers.EventLine.safeParse(JSON.parse(line));
        if (parsed.success) yield parsed.data;
      }
    } catch (cause) {
      if (!signal.aborted) throw new ControlError('no_answer', `the event stream of the factory broke off: ${String(cause)}`, { cause });
    }
  }
  /** Resolves with the state after the change. */
  async drain(on: boolean): Promise<boolean> {
    return (await this.#json('POST', '/v1/drain', answers.Drained, { body: { on } })).draining;
  }
  async hold(id: MachineId, on: boolean): Promise<void> {
    await this.#json('POST', `/v1/machines/${id}/hold`, answers.Held, { body: { on } });
  }
  async destroy(id: MachineId): Promise<void> {
    await this.#json('POST', `/v1/machines/${id}/destroy`, answers.Destroyed);
  }

  async #json<S extends z.ZodType>(method: string, path: string, schema: S, about: Sending = {}): Promise<z.output<S>> {
    const text = Buffer.from(await bytes(await this.#send(method, path, about))).toString('utf8');
    return understood(schema, text, path);
  }

  /** Resolves with the head of a good answer; a documented failure is thrown as such. */
  async #send(method: string, path: string, about: Sending = {}): Promise<IncomingMessage> {
    const response = await this.#open(method, path, about);
    const status = response.statusCode ?? 0;
    if (status < 400) return response;
    const { error } = understood(answers.Failure, Buffer.from(await bytes(response)).toString('utf8'), path);
    throw new ControlError(error.code, error.message, { status });
  }

  #open(method: string, route: string, { body, signal, timeoutMs = this.#timeoutMs }: Sending): Promise<IncomingMessage> {
    const path = this.#space === undefined ? route : `${route}${route.includes('?') ? '&' : '?'}space=${encodeURIComponent(this.#space)}`;
    return new Promise((resolve, reject) => {
      let short: ShortPath;
      try {
        short = new ShortPath(this.socketPath);
      } catch (error) {
        return reject(this.#unreachable(error));
      }
      const payload = body === undefined ? '' : JSON.stringify(body);
      const sent = request(
        {
          socketPath: short.path,
          method,
          path,
          agent: false,
          headers: { host: 'localhost', 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) },
          ...(signal === undefined ? { timeout: timeoutMs } : { signal }),
        },
        resolve,
      );
      sent.on('timeout', () => sent.destroy(new ControlError('no_answer', `the factory on ${this.socketPath} has not answered for ${timeoutMs / 1000} s`)));
      sent.on('error', (error) => reject(this.#unreachable(error)));
      sent.on('close', () => short[Symbol.dispose]());
      sent.end(payload);
    });
  }

  #unreachable(error: unknown): ControlError {
    if (error instanceof ControlError) return error;
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTDIR') {
      return new ControlError('not_running', `no factory answers on ${this.socketPath}`, { cause: error });
    }
    if (code === 'EACCES' || code === 'EPERM') return new ControlError('not_allowed', `${this.socketPath} belongs to another user`, { cause: error });
    return new ControlError('no_answer', `the factory on ${this.socketPath} broke the connection: ${String(error)}`, { cause: error });
  }
}

function understood<S extends z.ZodType>(schema: S, text: string, path: string): z.output<S> {
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new ControlError('bad_answer', `the answer to ${path} cannot be read; is the factory of another version? ${String(cause).slice(0, 500)}`, { cause });
  }
}

async function bytes(response: IncomingMessage): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of response) chunks.push(chunk as Uint8Array);
  } catch (cause) {
    throw new ControlError('no_answer', `the factory broke off in the middle of an answer: ${String(cause)}`, { cause });
  }
  return Buffer.concat(chunks);
}

async function* lines(chunks: AsyncIterable<Uint8Array>): AsyncIterable<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = parts.pop() ?? '';
    yield* parts;
  }
}
