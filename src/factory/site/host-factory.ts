import { randomUUID } from 'node:crypto';
import type { Settings } from '../../core/settings.ts';
import { machineId } from '../../core/units.ts';
import type { Provider } from '../../providers/contract.ts';
import { DemandWatch } from '../demand/demand-watch.ts';
import type { EventBus } from '../events.ts';
import { Factory } from '../factory.ts';
import { HostContextualiser } from '../guest/contextualiser.ts';
import { UnixGuestService } from '../guest/service.ts';
import { ImageCache } from '../images/image-cache.ts';
import type { Journal } from '../journal.ts';
import { layout } from '../layout.ts';
import { Monitoring } from '../monitoring.ts';
import { UdpSpace } from '../space/udp-space.ts';
import type { SiteParts } from './site-parts.ts';

export interface HostFactoryParts {
  readonly site: SiteParts;
  readonly settings: Settings;
  readonly journal: Journal;
  readonly bus: EventBus;
  readonly log: { warn(fields: object, message: string): void };
  /** Made from the settings unless one is given. */
  readonly provider?: Provider;
}

/** The factory of this host, opened: it has its machines of earlier processes in sight. Rejects with ProviderError. */
export async function hostFactory({ site, settings, journal, bus, log, provider: given }: HostFactoryParts, stack: AsyncDisposableStack): Promise<Factory> {
  const { clock, source, host, rule, steps } = site;
  const { stateDir } = settings;
  const places = layout(stateDir);
  const provider = stack.adopt(given ?? (await providerFor(settings, site)), (p) => p.close());
  const present = (): Settings => source.current().configuration?.settings ?? settings;
  const images = stack.adopt(new ImageCache({ layout: places, clock }), (i) => i.close());
  const space = stack.adopt(new UdpSpace({ clock, settings, onFact: (fact) => bus.emit('peer', fact), shared: site.port }), (s) => s.close());
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
    host,
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
    rule,
    random: Math.random,
    newId: () => machineId(randomUUID()),
    steps,
  });
  wake = () => factory.loop.wake();
  await factory.open();
  await space.open();
  return factory;
}

async function providerFor(settings: Settings, { clock }: SiteParts): Promise<Provider> {
  if (settings.provider === 'sim') {
    const { simProvider } = await import('../../providers/sim/index.ts');
    return simProvider(settings.stateDir, clock);
  }
  const { QemuProvider } = await import('../../providers/qemu/index.ts');
  return new QemuProvider({ stateDir: settings.stateDir, accelerator: settings.accelerator, network: settings.network });
}
