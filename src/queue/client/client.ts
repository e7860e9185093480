import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { z } from 'zod';
import type { JobState } from '../../core/jobs/job.ts';
import * as schema from '../server/schema.ts';
import { MatchAnswer } from '../server/site-schema.ts';
import type { JobAction } from '../store.ts';
import { QueueError } from './error.ts';
import { bytesOf, send, type Sending, type Server } from './http.ts';

export type JobDocument = schema.JobDocument;
export type JobWithFiles = z.output<typeof schema.JobWithFiles>;
export type JobHistory = z.output<typeof schema.History>['events'];
export type MatchLines = z.output<typeof MatchAnswer>;

export interface ListOptions {
  readonly states?: readonly JobState[];
  readonly tenant?: string;
  readonly owner?: string;
  readonly after?: string;
  readonly limit?: number;
}

/** A user's side of the queue's API. Every method rejects with a QueueError alone. */
export class QueueClient {
  readonly #server: Server;

  constructor(server: Server) {
    this.#server = server;
  }

  /** Makes one job from JDL. */
  submit(jdl: string, { tenant }: { readonly tenant?: string } = {}): Promise<JobDocument> {
    return this.#json('POST', `/jobs${query({ tenant })}`, schema.JobDocument, { type: 'application/vnd.jdl', body: jdl });
  }
  /** Makes all of these jobs, or none. `key`: repeated with the same one, no job is made twice. */
  async submitAll(jdls: readonly string[], { tenant, key }: { readonly tenant?: string; readonly key: string }): Promise<readonly string[]> {
    const body = jdls.map((jdl) => `${JSON.stringify(jdl)}\n`).join('');
    const sending = { type: 'application/x-ndjson', body, headers: { 'idempotency-key': key } };
    return (await this.#json('POST', `/jobs${query({ tenant })}`, schema.JobIds, sending)).ids;
  }
  job(id: string): Promise<JobWithFiles> {
    return this.#json('GET', `/jobs/${part(id)}`, schema.JobWithFiles);
  }
  async history(id: string): Promise<JobHistory> {
    return (await this.#json('GET', `/jobs/${part(id)}/history`, schema.History)).events;
  }
  list({ states, tenant, owner, after, limit }: ListOptions = {}): Promise<z.output<typeof schema.Jobs>> {
    return this.#json('GET', `/jobs${query({ state: states?.join(','), vo: tenant, owner, after, limit: limit?.toString() })}`, schema.Jobs);
  }
  /** Sends a local file. */
  async putInput(id: string, name: string, path: string): Promise<void> {
    const { size } = await stat(path);
    const body = { stream: () => createReadStream(path), length: size };
    await bytesOf(await send(this.#server, 'PUT', `/jobs/${part(id)}/input/${part(name)}`, { type: 'application/octet-stream', body }));
  }
  act(id: string, action: JobAction): Promise<JobDocument> {
    return this.#json('POST', `/jobs/${part(id)}/actions`, schema.JobDocument, { type: 'application/json', body: JSON.stringify({ action }) });
  }
  actAll(ids: readonly string[], action: JobAction, inputsOf?: string): Promise<z.output<typeof schema.BulkAnswer>> {
    const body = JSON.stringify({ ids, action, ...(inputsOf !== undefined && { inputsOf }) });
    return this.#json('POST', '/jobs/actions', schema.BulkAnswer, { type: 'application/json', body });
  }
  /** Bytes of an output file as they come. */
  async output(id: string, name: string): Promise<AsyncIterable<Uint8Array>> {
    return send(this.#server, 'GET', `/jobs/${part(id)}/output/${part(name)}`);
  }
  async log(id: string, run?: number): Promise<AsyncIterable<Uint8Array>> {
    return send(this.#server, 'GET', `/jobs/${part(id)}/log${query({ run: run?.toString() })}`);
  }
  match(jdl: string, { tenant }: { readonly tenant?: string } = {}): Promise<MatchLines> {
    return this.#json('POST', `/match${query({ tenant })}`, MatchAnswer, { type: 'application/vnd.jdl', body: jdl });
  }

  async #json<S extends z.ZodType>(method: string, path: string, type: S, about: Sending = {}): Promise<z.output<S>> {
    const text = (await bytesOf(await send(this.#server, method, path, about))).toString('utf8');
    try {
      return type.parse(JSON.parse(text));
    } catch (cause) {
      throw new QueueError('bad_answer', `the answer to ${method} ${path} cannot be read; is the queue of another version? ${String(cause).slice(0, 300)}`, {
        cause,
      });
    }
  }
}

const part = (text: string): string => encodeURIComponent(text);
function query(values: Readonly<Record<string, string | undefined>>): string {
  const pairs = Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`]));
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}
