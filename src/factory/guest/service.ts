import { rm, stat } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { OutputLimits } from '../../core/guest/job-outputs.ts';
import { type GuestFacts, routeGuestRequest } from '../../core/guest/route.ts';
import { type Bucket, fullBucket, reportRate, requestRate, takeToken } from '../../core/guest/token-bucket.ts';
import type { GuestReport, Machine } from '../../core/machine.ts';
import type { Settings } from '../../core/settings.ts';
import { earliest, type Instant, later, type MachineId, type Seconds } from '../../core/units.ts';
import { guestSocketName, serviceSocket } from '../../providers/contract.ts';
import type { Clock } from '../clock.ts';
import type { Layout } from '../layout.ts';
import type { GuestService } from '../parts.ts';
import { type ConnectionLimits, ConnectionWatch, connectionLimits } from './connections.ts';
import { type Listener, listenIn } from './listen.ts';
import { readLocalFile } from './local-file.ts';
import { type OutputFiles, OutputStore, outputFiles, shutdownMessageFile, type Stored } from './output-store.ts';
import { relay } from './relay.ts';
import { answerEmpty, answerFile, answerText } from './respond.ts';
import { type Exchange, SerialHttp } from './serial-http.ts';

export type GuestSettings = Pick<
  Settings,
  'factoryName' | 'grace' | 'machinefeaturesOptions' | 'oldFeatureNames' | 'joboutputsMaxBytes' | 'joboutputsMaxFiles' | 'hostServices'
>;

export interface GuestServiceParts {
  readonly layout: Layout;
  /** Those in force now. Host services are taken when a machine is attached. */
  readonly settings: () => GuestSettings;
  readonly clock: Pick<Clock, 'wall' | 'uptime'>;
  /** A machine has made contact or written its shutdown message: a turn of the loop may want to know. Not called for heartbeats. */
  readonly onReport?: (id: MachineId) => void;
  /** A job output could not be stored, by no fault of the machine's. */
  readonly onFault?: (id: MachineId, error: unknown) => void;
  readonly limits?: ConnectionLimits;
  readonly files?: OutputFiles;
}

/** Files of one machine that may be on their way at the same time. */
const transfersPerMachine = 8;
const publicKeyBytes = 16_384;
const probeMilliseconds = 10_000;

interface Attached {
  machine: Machine;
  report: GuestReport;
  readonly sockets: Set<Socket>;
  readonly listeners: Listener[];
  requests: Bucket;
  reports: Bucket;
  store?: OutputStore;
  opened: Promise<void>;
}

/**
 * The guest service on unix sockets, one directory per machine: which socket a request comes in by is the machine's identity, and
 * nothing that a guest says of itself counts. One HTTP parser serves all machines; a machine costs its sockets and a few facts.
 * `attach` rejects when the sockets of a machine cannot be made: such a machine must not be started.
 */
export class UnixGuestService implements GuestService {
  readonly #parts: GuestServiceParts;
  readonly #limits: ConnectionLimits;
  readonly #watch: ConnectionWatch;
  readonly #files: OutputFiles;
  readonly #machines = new Map<MachineId, Attached>();
  readonly #http: SerialHttp<Attached>;
  #since: Instant | undefined;
  #probing: NodeJS.Timeout | undefined;

  constructor(parts: GuestServiceParts) {
    this.#parts = parts;
    this.#limits = parts.limits ?? connectionLimits;
    this.#files = parts.files ?? outputFiles;
    this.#watch = new ConnectionWatch(this.#limits, () => parts.clock.uptime());
    this.#since = parts.clock.wall();
    this.#http = new SerialHttp(this.#watch, (attached, exchange) => this.#answer(attached, exchange));
  }

  get since(): Instant | undefined {
    return this.#since;
  }

  async attach(machine: Machine): Promise<void> {
    const present = this.#machines.get(machine.id);
    if (present !== undefined) {
      present.machine = machine;
      return present.opened;
    }
    const { message, heartbeatFileAt, contactAt } = machine;
    const report: GuestReport = { ...(message && { message }), ...(heartbeatFileAt && { heartbeatFileAt }), ...(contactAt && { contactAt }) };
    const now = this.#parts.clock.uptime();
    const buckets = { requests: fullBucket(requestRate, now), reports: fullBucket(reportRate, now) };
    const attached: Attached = { machine, report, sockets: new Set(), listeners: [], ...buckets, opened: Promise.resolve() };
    this.#machines.set(machine.id, attached);
    attached.opened = this.#open(attached);
    try {
      await attached.opened;
    } catch (error) {
      await this.detach(machine.id);
      throw error;
    }
  }

  async #open(attached: Attached): Promise<void> {
    const { layout, settings } = this.#parts;
    const { id } = attached.machine;
    attached.store = await OutputStore.open({ outputs: layout.joboutputs(id), incoming: layout.incoming(id) }, this.#files);
    await this.#recall(attached, attached.store);
    const directory = layout.machine(id);
    const serve = (socket: Socket): void => {
      track(attached, socket);
      this.#http.accept(attached, socket);
    };
    attached.listeners.push(await listenIn(directory, guestSocketName, this.#limits.perMachine, serve));
    for (const service of settings().hostServices) {
      const forward = (socket: Socket): void => {
        track(attached, socket);
        relay(socket, service, this.#watch);
      };
      attached.listeners.push(await listenIn(directory, serviceSocket(service.port), this.#limits.perHostService, forward));
    }
  }

  /** What the files tell after a restart of the daemon; none of it can have happened later than now. */
  async #recall(attached: Attached, store: OutputStore): Promise<void> {
    const now = this.#parts.clock.wall();
    const message = await store.message();
    const { heartbeatFile } = attached.machine;
    const heartbeatFileAt = heartbeatFile === undefined ? undefined : await store.changedAt(heartbeatFile);
    attached.report = {
      ...attached.report,
      ...(message && { message: { ...message, at: earliest(now, message.at) } }),
      ...(heartbeatFileAt !== undefined && { heartbeatFileAt: earliest(now, heartbeatFileAt) }),
    };
  }

  async detach(id: MachineId): Promise<void> {
    const attached = this.#machines.get(id);
    if (attached === undefined) return;
    await attached.opened.catch(() => undefined);
    if (this.#machines.get(id) === attached) this.#machines.delete(id);
    const closing = attached.listeners.splice(0).map((listener) => listener.close());
    for (const socket of attached.sockets) socket.destroy();
    await Promise.all(closing);
  }

  report(id: MachineId): GuestReport {
    return this.#machines.get(id)?.report ?? {};
  }

  update(machine: Machine): void {
    const attached = this.#machines.get(machine.id);
    if (attached !== undefined) attached.machine = machine;
  }

  shift(by: Seconds): void {
    if (this.#since !== undefined) this.#since = later(this.#since, by);
    for (const attached of this.#machines.values()) {
      const { message, heartbeatFileAt, contactAt } = attached.report;
      attached.report = {
        ...(message && { message: { ...message, at: later(message.at, by) } }),
        ...(heartbeatFileAt !== undefined && { heartbeatFileAt: later(heartbeatFileAt, by) }),
        ...(contactAt !== undefined && { contactAt: later(contactAt, by) }),
      };
    }
  }

  async close(): Promise<void> {
    clearTimeout(this.#probing);
    await Promise.all([...this.#machines.keys()].map((id) => this.detach(id)));
    this.#watch.close();
  }

  /** Cuts connections that are overdue; otherwise done every second while there are any. */
  sweep(): void {
    this.#watch.sweep();
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

  async #answer(attached: Attached, exchange: Exchange): Promise<void> {
    const { req, res } = exchange;
    const { id } = attached.machine;
    const wait = this.#wait(attached, req);
    if (wait > 0) return answerEmpty(req, res, 429, { 'retry-after': String(Math.ceil(wait)) });
    if (attached.report.contactAt === undefined) {
      attached.report = { ...attached.report, contactAt: this.#parts.clock.wall() };
      this.#parts.onReport?.(id);
    }
    const request = { method: req.method ?? '', target: req.url ?? '', accept: req.headers.accept ?? '' };
    const route = routeGuestRequest(request, await this.#facts(attached.machine));
    switch (route.kind) {
      case 'document':
        return answerText(req, res, route);
      case 'token':
        res.setHeader('x-aws-ec2-metadata-token-ttl-seconds', '21600');
        return answerText(req, res, { body: route.body, type: 'text/plain' });
      case 'user-data':
        if (!(await answerFile(req, res, this.#parts.layout.userData(id)))) await answerEmpty(req, res, 404);
        return;
      case 'refused':
        return answerEmpty(req, res, route.status);
      case 'store':
        return this.#store(attached, route.name, exchange);
    }
  }

  /** Seconds until this request may come again; 0: it may now. */
  #wait(attached: Attached, { method, url }: Exchange['req']): number {
    const now = this.#parts.clock.uptime();
    const { bucket, wait } = takeToken(attached.requests, requestRate, now);
    attached.requests = bucket;
    const isReport = method === 'PUT' && [attached.machine.heartbeatFile, shutdownMessageFile].some((name) => url === `/joboutputs/${name}`);
    if (wait === 0 || !isReport) return wait;
    const kept = takeToken(attached.reports, reportRate, now);
    attached.reports = kept.bucket;
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
  async #store(attached: Attached, name: string, exchange: Exchange): Promise<void> {
    const { req, res } = exchange;
    const length = req.headers['content-length'];
    const { store } = attached;
    if (length === undefined || store === undefined) return answerEmpty(req, res, 403);
    const { joboutputsMaxBytes, joboutputsMaxFiles } = this.#parts.settings();
    const limits: OutputLimits = { maxBytes: joboutputsMaxBytes, maxFiles: joboutputsMaxFiles, maxTransfers: transfersPerMachine };
    const stored = await store.put(name, Number(length), bodyOf(exchange), limits);
    if (stored.done) {
      this.#storing(true);
      await this.#readReport(attached, store, name);
      return answerEmpty(req, res, 201);
    }
    if ('error' in stored) {
      this.#storing(false);
      this.#parts.onFault?.(attached.machine.id, stored.error);
    }
    return answerEmpty(req, res, statusOf(stored.why), stored.why === 'transfers' ? { 'retry-after': '1' } : {});
  }

  /** Time of a report is our clock's, which a file's own time may not be after a step of it. */
  async #readReport(attached: Attached, store: OutputStore, name: string): Promise<void> {
    const { heartbeatFile, id } = attached.machine;
    const at = this.#parts.clock.wall();
    if (name === heartbeatFile) attached.report = { ...attached.report, heartbeatFileAt: at };
    if (name !== shutdownMessageFile) return;
    const message = await store.message();
    const { message: _, ...rest } = attached.report;
    attached.report = message === undefined ? rest : { ...rest, message: { ...message, at } };
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

function track(attached: Attached, socket: Socket): void {
  attached.sockets.add(socket);
  socket.once('close', () => attached.sockets.delete(socket));
}

/** Undefined: the site gives none, or something that is no key. */
async function readPublicKey(path: string): Promise<string | undefined> {
  const key = await readLocalFile(path, '/', publicKeyBytes).catch(() => '');
  return Buffer.from(key).toString('utf8').trim() || undefined;
}
