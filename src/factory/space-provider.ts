import type { Settings } from '../core/settings.ts';
import type { Instant } from '../core/units.ts';
import type { Provider } from '../providers/contract.ts';
import { layout } from './layout.ts';
import { readSecret } from './secret.ts';

/** The provider of a space at a cloud. Its libraries are loaded here, so that a site pays for those that it uses. Contacts nothing. */
export async function spaceProvider(settings: Settings, now: () => Instant): Promise<Provider> {
  const { cloud, space, stateDir, consoleMaxBytes } = settings;
  if (cloud === undefined) throw new TypeError(`${space} is no space at a cloud`);
  const { api, manager } = cloud;
  switch (api.kind) {
    case 'openstack': {
      const { OpenStackProvider } = await import('../providers/openstack/index.ts');
      return new OpenStackProvider({ api, space, manager, readSecret, now, consoleMaxBytes, directoryOf: layout(stateDir).machine });
    }
    case 'command': {
      const { CommandProvider } = await import('../providers/command/index.ts');
      return new CommandProvider({ api, space, manager, environment: process.env });
    }
    case 'ec2': {
      const { Ec2Provider } = await import('../providers/ec2/index.ts');
      return new Ec2Provider({ api, space, manager, flavorNames: cloud.flavorNames, readSecret, now });
    }
  }
}
