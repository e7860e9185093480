import { randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { CloudSettings } from '../../core/cloud/settings.ts';
import { siteName } from '../../core/decide/outcomes.ts';
import type { RemoteTemplateFacts } from '../../core/guest/template.ts';
import type { Machine } from '../../core/machine.ts';
import type { Machinetype } from '../../core/machinetype.ts';
import type { Configuration, Settings } from '../../core/settings.ts';
import { machineId } from '../../core/units.ts';
import { DemandWatch } from '../demand/demand-watch.ts';
import type { EventBus } from '../events.ts';
import { Factory } from '../factory.ts';
import { HostContextualiser } from '../guest/contextualiser.ts';
import { RemoteGuestService } from '../guest/remote/service.ts';
import { ImageCache } from '../images/image-cache.ts';
import { Journal } from '../journal.ts';
import { layout } from '../layout.ts';
import { SharedManagers } from '../managers/shared-managers.ts';
import { Monitoring } from '../monitoring.ts';
import type { ConfigurationSource, ManagersPart } from '../parts.ts';
import { CloudSpace } from '../space/cloud-space.ts';
import { GuestServers } from './guest-servers.ts';
import type { SiteParts } from './site-parts.ts';

/** Port of the machines that serve as HTTP caches, where the machinetype that uses them says none (spec/cloud.md §1.4). */
const usualProxyPort = 280;

export interface CloudFactoryParts {
  readonly site: SiteParts;
  readonly servers: GuestServers;
  readonly source: ConfigurationSource;
  readonly settings: Settings & { readonly cloud: CloudSettings };
  readonly bus: EventBus;
  readonly log: { warn(fields: object, message: string): void };
}

/** What a running space cannot take up without being opened again. */
export const openedWith = ({ cloud, caDir, stateDir, consoleMaxBytes }: Settings): string =>
  JSON.stringify([cloud?.api, cloud?.manager, cloud?.sharedDir, cloud?.flavorNames, cloud && GuestServers.mark(cloud.guest, caDir), stateDir, consoleMaxBytes]);

/**
 * The factory of one space at a cloud with all its parts, in its own state directory; its provider has not been asked anything yet. What
 * has been taken is released with `stack`. Rejects with JournalError, and with whatever keeps the provider from being made.
 */
export async function cloudFactory({ site, servers, source, settings, bus, log }: CloudFactoryParts, stack: AsyncDisposableStack): Promise<Factory> {
  const { clock, steps, rule, host } = site;
  const { cloud, space: name, stateDir } = settings;
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const places = layout(stateDir);
  mkdirSync(places.machines, { recursive: true, mode: 0o700 });
  const journal = stack.adopt(new Journal(places.journal), (j) => j.close());
  const provider = stack.adopt(await site.connect(settings), (p) => p.close());
  const present = (): Configuration | undefined => source.current().configuration;
  const presentSettings = (): Settings => present()?.settings ?? settings;
  let wake = (): void => undefined;

  const images = stack.adopt(new ImageCache({ layout: places, clock }), (i) => i.close());
  const space = stack.adopt(new CloudSpace({ settings: presentSettings, clock, port: site.port }), (s) => s.close());
  const demand = stack.adopt(new DemandWatch({ clock, onChange: () => wake() }), (d) => d.close());
  const server = stack.adopt(await servers.take(cloud.guest, settings.caDir), (s) => servers.giveBack(s));
  const guests = stack.adopt(
    new RemoteGuestService({
      layout: places,
      settings: presentSettings,
      clock,
      server,
      space: name,
      url: () => presentSettings().cloud?.guest.url ?? cloud.guest.url,
      machinetypes: () => present()?.machinetypes ?? new Map<string, Machinetype>(),
      addressOf: (id) => journal.machine(id)?.address,
      onReport: () => wake(),
      onFault: (id, err) => log.warn({ id, err }, 'job output not stored'),
    }),
    (g) => g.close(),
  );
  const managers = cloud.sharedDir === undefined ? undefined : stack.adopt(shared(cloud.sharedDir), (m) => m.close());
  const monitoring = stack.adopt(new Monitoring({ view: () => factory, bus, clock, census: places.census, log, random: Math.random }), (m) => m.close());

  const remote = (machine: Machine, { cloud: own }: Machinetype): RemoteTemplateFacts => {
    const proxies = own?.cvmfsProxy;
    const alive = proxies === undefined ? [] : (guests.alive(proxies.machinetype) ?? []);
    return {
      places: guests.placesFor(machine),
      heartbeatMachinesUrl: `${presentSettings().cloud?.guest.url ?? cloud.guest.url}/heartbeatlists/${name}`,
      site: siteName(presentSettings()),
      caches: alive.flatMap(({ address }) => (address === undefined ? [] : [`http://${inUrl(address)}:${proxies?.port ?? usualProxyPort}`])),
    };
  };
  const factory: Factory = new Factory({
    factory: settings.factoryName,
    clock,
    // Its processors are the cloud's.
    host: { processors: 0, facts: (directory) => host.facts(directory) },
    layout: places,
    stateDir,
    journal,
    provider,
    guests,
    contextualiser: new HostContextualiser({
      layout: places,
      clock,
      environments: () => site.source.current().configuration?.environments ?? [],
      remote,
      onUnknownPatterns: ({ name: machinetype }, patterns) =>
        log.warn({ machinetype, patterns }, 'patterns of the user data template that nothing is known for'),
    }),
    images,
    configuration: source,
    bus,
    space,
    demand,
    ...(managers && { managers }),
    monitoring,
    rule,
    random: Math.random,
    newId: () => machineId(randomUUID()),
    steps,
  });
  wake = () => factory.loop.wake();
  return factory;

  /** The directory may be on a file system that does not answer: it is not waited for. */
  function shared(directory: string): ManagersPart {
    const managers = new SharedManagers({
      directory: join(directory, 'managers', name),
      manager: cloud.manager,
      session: randomBytes(12).toString('hex'),
      takeover: () => presentSettings().cloud?.takeover ?? cloud.takeover,
      clock,
      onChange: () => wake(),
    });
    void managers.open();
    return managers;
  }
}

const inUrl = (address: string): string => (address.includes(':') ? `[${address}]` : address);
