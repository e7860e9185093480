import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { OutputLimits } from '../../core/guest/job-outputs.ts';
import type { GuestFacts, Route } from '../../core/guest/route.ts';
import { type Bucket, fullBucket, reportRate, requestRate, takeToken } from '../../core/guest/token-bucket.ts';
import type { GuestReport, Machine } from '../../core/machine.ts';
import type { Settings } from '../../core/settings.ts';
import { earliest, type Instant, later, type MachineId, type Seconds } from '../../core/units.ts';
import type { Clock } from '../clock.ts';
import type { Layout } from '../layout.ts';
import { readLocalFile } from './local-file.ts';
import { type OutputFiles, OutputStore, outputFiles, shutdownMessageFile, type Stored } from './output-store.ts';
import { answerEmpty, answerFile, answerText } from './respond.ts';
import type { Exchange } from './serial-http.ts';

export type GuestSettings = Pick<
  Settings,
  'factoryName' | 'grace' | 'machinefeaturesOptions' | 'oldFeatureNames' | 'joboutputsMaxBytes' | 'joboutputsMaxFiles' | 'hostServices'
>;

export interface DeskParts {
  readonly layout: Layout;
  readonly settings: () => GuestSettings;
  readonly clock: Pick<Clock, 'wall' | 'uptime'>;
  /** A machine has made contact or written its shutdown message: a turn of the loop may want to know. Not called for heartbeats. */
  readonly onReport?: (id: MachineId) => void;
  /** A job output could not be stored, by no fault of the machine's. */
  readonly onFault?: (id: MachineId, error: unknown) => void;
  readonly files?: OutputFiles;
}

/** Files of one machine that may be on their way at the same time. */
const transfersPerMachine = 8;
const publicKeyBytes = 16_384;
const probeMilliseconds = 10_000;

/** One machine at the desk: what it has said, what it has stored, and how often it may ask. */
export interface Seat {
  machine: Machine;
  report: GuestReport;
  requests: Bucket;
  reports: Bucket;
  readonly store: OutputStore;
}

/**
 * What a guest service does for a machine once it knows which one asks: its documents, its job outputs, its limits, its report.
 * How that is known is the affair of the services: by the socket on a host, by a token from far away.
 */
export class GuestDesk {
  readonly #parts: DeskParts;
  readonly #files: OutputFiles;
  #since: Instant | undefined;
  #probing: NodeJS.Timeout | undefined;

  constructor(parts: DeskParts) {
    this.#parts = parts;
    this.#files = parts.files ?? outputFiles;
    this.#since = parts.clock.wall();
  }

  /** Since when storing has worked without a break; undefined: it does not now. */
  get since(): Instant | undefined {
    return this.#since;
  }

  /** With what the machine has written to an earlier process; none of it can have happened later than now. */
  async seat(machine: Machine): Promise<Seat> {
    const { layout, clock } = this.#parts;
    const { id, heartbeatFile } = machine;
    const store = await OutputStore.open({ outputs: layout.joboutputs(id), incoming: layout.incoming(id) }, this.#files);
    const message = await store.message();
    const changedAt = heartbeatFile === undefined ? undefined : await store.changedAt(heartbeatFile);
    const { wall, uptime } = { wall: clock.wall(), uptime: clock.uptime() };
    const heartbeatFileAt = changedAt === undefined ? machine.heartbeatFileAt : earliest(wall, changedAt);
    const report: GuestReport = {
      ...(machine.message && { message: machine.message }),
      ...(message && { message: { ...message, at: earliest(wall, message.at) } }),
      ...(heartbeatFileAt !== undefined && { heartbeatFileAt }),
      ...(machine.contactAt !== undefined && { contactAt: machine.contactAt }),
    };
    return { machine, report, requests: fullBucket(requestRate, uptime), reports: fullBucket(reportRate, uptime), store };
  }

  /** The wall clock has stepped: remembered times move with it. */
  shift(by: Seconds, seats: Iterable<Seat>): void {
    if (this.#since !== undefined) this.#since = later(this.#since, by);
    for (const seat of seats) {
      const { message, heartbeatFileAt, contactAt } = seat.report;
      seat.report = {
        ...(message && { message: { ...message, at: later(message.at, by) } }),
        ...(heartbeatFileAt !== undefined && { heartbeatFileAt: later(heartbeatFileAt, by) }),
        ...(contactAt !== undefined && { contactAt: later(contactAt, by) }),
      };
    }
  }

  close(): void {
    clearTimeout(this.#probing);
  }

  /** After a failure to store: tries whether the disk takes files again. */
  async probe(): Promise<void> {
    const path = join(this.#parts.layout.machines, '.probe');
    try {
      const file = await this.#files.open(path, 'w', 0o600);
      try {
        await file.writeFile('probe');
        await file.datasync();
      } finally {
        await file.close();
      }
      this.#storing(true);
    } catch {
      this.#storing(false);
    }
    await rm(path, { force: true }).catch(() => undefined);
  }

  #storing(works: boolean): void {
    clearTimeout(this.#probing);
    if (works) this.#since ??= this.#parts.clock.wall();
    else {
      this.#since = undefined;
      this.#probing = setTimeout(() => void this.probe(), probeMilliseconds).unref();
    }
  }

  /** One request of the machine at this seat. `target`: where it asks, without what named the machine. `route`: what may be asked there. */
  async answer(seat: Seat, exchange: Exchange, target: string, route: (facts: GuestFacts) => Route): Promise<void> {
    const { req, res } = exchange;
    const { id } = seat.machine;
    const wait = this.#wait(seat, req.method, target);
    if (wait > 0) return answerEmpty(req, res, 429, { 'retry-after': String(Math.ceil(wait)) });
    if (seat.report.contactAt === undefined) {
      seat.report = { ...seat.report, contactAt: this.#parts.clock.wall() };
      this.#parts.onReport?.(id);
    }
    const found = route(await this.#facts(seat.machine));
    switch (found.kind) {
      case 'document':
        return answerText(req, res, found);
      case 'token':
        res.setHeader('x-aws-ec2-metadata-token-ttl-seconds', '21600');
        return answerText(req, res, { body: found.body, type: 'text/plain' });
      case 'user-data':
        if (!(await answerFile(req, res, this.#parts.layout.userData(id)))) await answerEmpty(req, res, 404);
        return;
      case 'output':
        if (!(await answerFile(req, res, join(this.#parts.layout.joboutputs(id), found.name)))) await answerEmpty(req, res, 404);
        return;
      case 'refused':
        return answerEmpty(req, res, found.status);
      case 'store':
        return this.#store(seat, found.name, exchange);
    }
  }

  /** Seconds until this request may come again; 0: it may now. */
  #wait(seat: Seat, method: string | undefined, target: string): number {
    const now = this.#parts.clock.uptime();
    const { bucket, wait } = takeToken(seat.requests, requestRate, now);
    seat.requests = bucket;
    const isReport = method === 'PUT' && [seat.machine.heartbeatFile, shutdownMessageFile].some((name) => target === `/joboutputs/${name}`);
    if (wait === 0 || !isReport) return wait;
    const kept = takeToken(seat.reports, reportRate, now);
    seat.reports = kept.bucket;
    return kept.wait;
  }

  async #facts(machine: Machine): Promise<GuestFacts> {
    const { layout } = this.#parts;
    const settings = this.#parts.settings();
    const hasUserData = await stat(layout.userData(machine.id)).then(
      () => true,
      () => false,
    );
    const publicKey = await readPublicKey(layout.rootPublicKey(machine.id));
    return { machine, factory: settings.factoryName, settings, hasUserData, ...(publicKey !== undefined && { publicKey }) };
  }

  /** PUT of a job output (spec/factory.md §14.2): 201, 403 without a length, 507 when the machine's or the disk's room is used up. */
  async #store(seat: Seat, name: string, exchange: Exchange): Promise<void> {
    const { req, res } = exchange;
    const length = req.headers['content-length'];
    if (length === undefined) return answerEmpty(req, res, 403);
    const { joboutputsMaxBytes, joboutputsMaxFiles } = this.#parts.settings();
    const limits: OutputLimits = { maxBytes: joboutputsMaxBytes, maxFiles: joboutputsMaxFiles, maxTransfers: transfersPerMachine };
    const stored = await seat.store.put(name, Number(length), bodyOf(exchange), limits);
    if (stored.done) {
      this.#storing(true);
      await this.#readReport(seat, name);
      return answerEmpty(req, res, 201);
    }
    if ('error' in stored) {
      this.#storing(false);
      this.#parts.onFault?.(seat.machine.id, stored.error);
    }
    return answerEmpty(req, res, statusOf(stored.why), stored.why === 'transfers' ? { 'retry-after': '1' } : {});
  }

  /** Time of a report is our clock's, which a file's own time may not be after a step of it. */
  async #readReport(seat: Seat, name: string): Promise<void> {
    const { heartbeatFile, id } = seat.machine;
    const at = this.#parts.clock.wall();
    if (name === heartbeatFile) seat.report = { ...seat.report, heartbeatFileAt: at };
    if (name !== shutdownMessageFile) return;
    const message = await seat.store.message();
    const { message: _, ...rest } = seat.report;
    seat.report = message === undefined ? rest : { ...rest, message: { ...message, at } };
    this.#parts.onReport?.(id);
  }
}

type Why = Exclude<Stored, { done: true }>['why'];
const statuses: Readonly<Record<Why, number>> = { bytes: 507, files: 507, 'disk-full': 507, transfers: 503, failed: 500, 'cut-short': 400 };
const statusOf = (why: Why): number => statuses[why];

/** The body as it arrives, asked for only once it is wanted. The connection outlives a reader who stops early. */
async function* bodyOf({ req, res, awaitsContinue }: Exchange): AsyncGenerator<Uint8Array> {
  if (awaitsContinue) res.writeContinue();
  yield* req.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
}

/** Undefined: the site gives none, or something that is no key. */
async function readPublicKey(path: string): Promise<string | undefined> {
  const key = await readLocalFile(path, '/', publicKeyBytes).catch(() => '');
  return Buffer.from(key).toString('utf8').trim() || undefined;
}
