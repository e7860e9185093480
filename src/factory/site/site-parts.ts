import type { Rule } from '../../core/decision.ts';
import type { Settings } from '../../core/settings.ts';
import type { Provider } from '../../providers/contract.ts';
import type { Clock } from '../clock.ts';
import type { HostProbe } from '../host.ts';
import type { LogDestination, LogLevel } from '../log.ts';
import type { Steps } from '../loop-parts.ts';
import type { ConfigurationSource } from '../parts.ts';
import type { SharedPort } from '../space/shared-port.ts';

/** What all factories of a daemon share. */
export interface SiteParts {
  readonly source: ConfigurationSource;
  readonly clock: Clock;
  readonly host: HostProbe;
  readonly rule: Rule;
  readonly steps: Steps;
  readonly destination: LogDestination;
  readonly logLevel?: LogLevel;
  /** Provider of a space at a cloud; not opened. */
  readonly connect: (settings: Settings) => Promise<Provider>;
  /** Where questions to any of the spaces arrive. */
  readonly port: SharedPort;
}
