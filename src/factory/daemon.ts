import { mkdirSync } from 'node:fs';
import { problemLine } from '../core/config/problem.ts';
import type { Rule } from '../core/decision.ts';
import type { Settings } from '../core/settings.ts';
import { type Provider, ProviderError } from '../providers/contract.ts';
import { SystemClock } from './clock.ts';
import { FileConfigurationSource } from './config/source.ts';
import { ControlServer } from './control/server.ts';
import { EventBus } from './events.ts';
import type { Factory } from './factory.ts';
import { type HostProbe, systemHost } from './host.ts';
import { Journal, JournalError } from './journal.ts';
import { layout } from './layout.ts';
import { LogFile } from './log-file.ts';
import { type LogDestination, type LogLevel, logTo } from './log.ts';
import { noSteps, type Steps } from './loop-parts.ts';
import type { ConfigurationSource, Problem } from './parts.ts';
import { hostFactory } from './site/host-factory.ts';
import { Site } from './site/site.ts';
import type { SiteParts } from './site/site-parts.ts';
import type { SiteView } from './site-view.ts';
import { SharedPort } from './space/shared-port.ts';
import { spaceProvider } from './space-provider.ts';

export interface StartOptions {
  readonly configuration: ConfigurationSource;
  readonly rule?: Rule;
  readonly host?: HostProbe;
  /** Made from the settings unless one is given. */
  readonly provider?: Provider;
  readonly bus?: EventBus;
  /** Provider of a space at a cloud, not opened; made from its settings unless this is given. */
  readonly connect?: (settings: Settings) => Promise<Provider>;
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

export interface RunningSite {
  readonly site: SiteView;
  /** Absent: this host makes no machines of its own. */
  readonly host?: Factory;
  readonly bus: EventBus;
  /** Resolves when the daemon has stopped by itself or by `stop`; rejects with the bug of the host's factory that ended it. */
  readonly ended: Promise<void>;
  /** Ends all loops and releases everything; machines run on. */
  stop(): Promise<void>;
}

/**
 * A whole daemon in this process: state directory locked, the host's factory opened, spaces at clouds on their way. Those never keep it from
 * starting. Rejects with ConfigurationRefused, JournalError (another daemon, damaged journal) or ProviderError (of the host); nothing is left running then.
 */
export async function startSite(options: StartOptions): Promise<RunningSite> {
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
  // Without a host's factory it is the lock of the state directory alone.
  const journal = stack.adopt(new Journal(places.journal), (j) => j.close());
  const bus = options.bus ?? new EventBus();
  const file = stack.use(new LogFile(places.log));
  const destination = { write: (line: string) => [file, options.log].forEach((to) => to?.write(line)) };
  const { log, stop: unlog } = logTo(bus, destination, options.logLevel);
  stack.defer(unlog);

  const parts: SiteParts = {
    source,
    clock,
    host: options.host ?? systemHost(),
    rule: options.rule ?? 'vacua',
    steps: options.steps ?? noSteps,
    destination,
    ...(options.logLevel && { logLevel: options.logLevel }),
    connect: options.connect ?? ((of) => spaceProvider(of, () => clock.wall())),
    port: stack.adopt(new SharedPort(), (p) => p.close()),
  };
  followConfiguration(source, bus);
  const given = { ...(options.provider && { provider: options.provider }) };
  const host = configuration.host === false ? undefined : await hostFactory({ site: parts, settings, journal, bus, log, ...given }, stack);
  const site = new Site({ parts, ...(host && { host: { space: settings.space, view: host, bus } }), log });
  stack.adopt(site, (s) => s.stop());
  const control = new ControlServer({ site, socketPath: places.control, log });
  await control.listen();
  stack.adopt(control, (c) => c.close());
  stack.defer(site.subscribe(() => ({ decided: () => void source.refresh(leaving.signal) })));
  site.start();
  const looking = setInterval(() => void source.refresh(leaving.signal), settings.cycle * 1000);
  stack.defer(() => clearInterval(looking));

  const releases = stack.move();
  const stopping = new AbortController();
  const ended = host ? host.run() : new Promise<void>((resolve) => stopping.signal.addEventListener('abort', () => resolve(), { once: true }));
  ended.catch(() => undefined); // whoever waits for `ended` sees it too
  return {
    site,
    ...(host && { host }),
    bus,
    ended,
    async stop() {
      stopping.abort();
      host?.loop.stop();
      const spaces = site.stop();
      const why = await ended.then(
        () => 'asked to',
        (bug: unknown) => `bug: ${String(bug)}`,
      );
      // Before anything is released, so that the log and event streams have it as their last word.
      bus.emit('closed', { why });
      await spaces;
      await releases.disposeAsync();
      await ended;
    },
  };
}

/** The same where this host makes machines of its own. Throws TypeError where it does not. */
export async function startFactory(options: StartOptions): Promise<RunningFactory> {
  const { host, ...running } = await startSite(options);
  if (host) return { ...running, view: host };
  await running.stop();
  throw new TypeError('the configuration has no machines for this host');
}

/** What has changed is announced. Problems of spaces at clouds are told by themselves. */
function followConfiguration(source: ConfigurationSource, bus: EventBus): void {
  const announce = (): void => {
    const { configuration, problems } = source.current();
    if (!configuration) return;
    const own = problems.filter(({ section, disables }) => disables.kind !== 'space' && section?.startsWith('space ') !== true);
    bus.emit('configured', { digest: configuration.digest, machinetypes: configuration.machinetypes.size, problems: own });
  };
  announce();
  source.onChange(announce);
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
    const running = await startSite({
      configuration: source,
      ...(options.rule && { rule: options.rule }),
      ...(options.logLevel && { logLevel: options.logLevel }),
      ...(options.log && { log: options.log }),
    });
    const asked = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.race([asked, running.ended]);
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
