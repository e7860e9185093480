import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { problemLine } from '../core/config/problem.ts';
import type { Rule } from '../core/decision.ts';
import type { Settings } from '../core/settings.ts';
import { machineId } from '../core/units.ts';
import { type Provider, ProviderError } from '../providers/contract.ts';
import { type Clock, SystemClock } from './clock.ts';
import { FileConfigurationSource } from './config/source.ts';
import { ControlServer } from './control/server.ts';
import { DemandWatch } from './demand/demand-watch.ts';
import { EventBus } from './events.ts';
import { Factory } from './factory.ts';
import { HostContextualiser } from './guest/contextualiser.ts';
import { UnixGuestService } from './guest/service.ts';
import { type HostProbe, systemHost } from './host.ts';
import { ImageCache } from './images/image-cache.ts';
import { Journal, JournalError } from './journal.ts';
import { layout } from './layout.ts';
import { LogFile } from './log-file.ts';
import { type LogDestination, type LogLevel, logTo } from './log.ts';
import { UdpSpace } from './space/udp-space.ts';
import { noSteps, type Steps } from './loop-parts.ts';
import { Monitoring } from './monitoring.ts';
import type { ConfigurationSource, Problem } from './parts.ts';

export interface StartOptions {
  readonly configuration: ConfigurationSource;
  readonly rule?: Rule;
  readonly host?: HostProbe;
  /** Made from the settings unless one is given. */
  readonly provider?: Provider;
  readonly bus?: EventBus;
  readonly steps?: Steps;
  readonly logLevel?: LogLevel;
  /** Besides the log file. */
  readonly log?: LogDestination;
}

export interface RunningFactory {
  readonly view: Factory;
  readonly bus: EventBus;
  /** Resolves when the factory has stopped by itself or by `stop`; rejects with the bug that ended it. */
  readonly ended: Promise<void>;
  /** Ends the loop and releases everything; machines run on. */
  stop(): Promise<void>;
}

/** The configuration cannot be used, so nothing was started. */
export class ConfigurationRefused extends Error {
  override readonly name = 'ConfigurationRefused';
  readonly problems: readonly Problem[];
  constructor(problems: readonly Problem[]) {
    super('the configuration cannot be used');
    this.problems = problems;
  }
}

async function providerFor(settings: Settings, clock: Clock): Promise<Provider> {
  if (settings.provider === 'sim') {
    const { simProvider } = await import('../providers/sim/index.ts');
    return simProvider(settings.stateDir, clock);
  }
  const { QemuProvider } = await import('../providers/qemu/index.ts');
  return new QemuProvider({ stateDir: settings.stateDir, accelerator: settings.accelerator, network: settings.network });
}

/**
 * A whole factory in this process: state directory locked, machines of earlier processes served again, turning.
 * Rejects with ConfigurationRefused, JournalError (another daemon, damaged journal) or ProviderError; nothing is left running then.
 */
export async function startFactory(options: StartOptions): Promise<RunningFactory> {
  const { configuration: source } = options;
  const leaving = new AbortController();
  await source.refresh(leaving.signal);
  const { configuration, problems } = source.current();
  if (!configuration) throw new ConfigurationRefused(problems);
  const { settings } = configuration;
  const { stateDir } = settings;
  await using stack = new AsyncDisposableStack();
  stack.defer(() => leaving.abort());
  stack.defer(() => source.close());

  mkdirSync(stateDir, { recursive: true, mode: 0o711 });
  const clock = new SystemClock();
  const places = layout(stateDir);
  const journal = stack.adopt(new Journal(places.journal), (j) => j.close());
  const bus = options.bus ?? new EventBus();
  const file = stack.use(new LogFile(places.log));
  const { log, stop: unlog } = logTo(bus, { write: (line) => [file, options.log].forEach((to) => to?.write(line)) }, options.logLevel);
  stack.defer(unlog);

  const provider = stack.adopt(options.provider ?? (await providerFor(settings, clock)), (p) => p.close());
  const present = (): Settings => source.current().configuration?.settings ?? settings;
  const images = stack.adopt(new ImageCache({ layout: places, clock }), (i) => i.close());
  const space = stack.adopt(new UdpSpace({ clock, settings, onFact: (fact) => bus.emit('peer', fact) }), (s) => s.close());
  let wake = (): void => undefined;
  const demand = stack.adopt(new DemandWatch({ clock, onChange: () => wake() }), (d) => d.close());
  const guests = stack.adopt(
    new UnixGuestService({
      layout: places,
      settings: present,
      clock,
      onReport: () => wake(),
      onFault: (id, err) => log.warn({ id, err }, 'job output not stored'),
    }),
    (g) => g.close(),
  );
  const monitoring = stack.adopt(new Monitoring({ view: () => factory, bus, clock, census: places.census, log, random: Math.random }), (m) => m.close());
  const factory: Factory = new Factory({
    factory: settings.factoryName,
    clock,
    host: options.host ?? systemHost(),
    layout: places,
    stateDir,
    journal,
    provider,
    guests,
    contextualiser: new HostContextualiser({ layout: places, clock, environments: () => source.current().configuration?.environments ?? [] }),
    images,
    configuration: source,
    bus,
    space,
    demand,
    monitoring,
    rule: options.rule ?? 'vacua',
    random: Math.random,
    newId: () => machineId(randomUUID()),
    steps: options.steps ?? noSteps,
  });
  wake = () => factory.loop.wake();
  followConfiguration(source, bus, leaving.signal);
  await factory.open();
  await space.open();
  const control = new ControlServer({ view: factory, bus, socketPath: places.control, log });
  await control.listen();
  stack.adopt(control, (c) => c.close());

  const parts = stack.move();
  const ended = factory.run();
  ended.catch(() => undefined); // whoever waits for `ended` sees it too
  return {
    view: factory,
    bus,
    ended,
    async stop() {
      factory.loop.stop();
      const why = await ended.then(
        () => 'asked to',
        (bug: unknown) => `bug: ${String(bug)}`,
      );
      // Before anything is released, so that the log and event streams have it as their last word.
      bus.emit('closed', { why });
      await parts.disposeAsync();
      await ended;
    },
  };
}

/** Files and pipes are looked at in every turn, beside it; what has changed is announced. */
function followConfiguration(source: ConfigurationSource, bus: EventBus, signal: AbortSignal): void {
  const announce = (): void => {
    const { configuration, problems } = source.current();
    if (configuration) bus.emit('configured', { digest: configuration.digest, machinetypes: configuration.machinetypes.size, problems });
  };
  announce();
  source.onChange(announce);
  bus.subscribe({ decided: () => void source.refresh(signal) });
}

export interface RunOptions {
  /** Explicit configuration files; empty: the usual places. */
  readonly files: readonly string[];
  readonly stateDir?: string;
  readonly rule?: Rule;
  readonly logLevel?: LogLevel;
  readonly log?: LogDestination;
  /** Told what a person should know before it runs, and why it could not. */
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** `vacua factory`: in the foreground until the signal. Exit code 0; 2 configuration or a second daemon; 3 something is missing on this host. */
export async function runFactory(options: RunOptions): Promise<0 | 2 | 3> {
  const { say, signal } = options;
  try {
    const source = new FileConfigurationSource({ files: options.files, ...(options.stateDir !== undefined && { stateDir: options.stateDir }) });
    const running = await startFactory({
      configuration: source,
      ...(options.rule && { rule: options.rule }),
      ...(options.logLevel && { logLevel: options.logLevel }),
      ...(options.log && { log: options.log }),
    });
    const stop = (): void => running.view.loop.stop();
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    await running.ended;
    await running.stop();
    return 0;
  } catch (error) {
    if (error instanceof ConfigurationRefused) {
      for (const problem of error.problems) say(problemLine(problem));
      say(`${error.message}; see them all with: vacua check`);
      return 2;
    }
    if (error instanceof JournalError) {
      say(error.message);
      return error.code === 'UNWRITABLE' ? 3 : 2;
    }
    if (error instanceof ProviderError) {
      say(`${error.message}; see: vacua doctor`);
      return 3;
    }
    throw error;
  }
}
