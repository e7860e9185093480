import type { Configuration } from '../core/settings.ts';
import { type Finding, type Provider, ProviderError } from '../providers/contract.ts';

/** Looks whether all that a space needs is there, before anything starts; for people. */
export interface OnlineCheck {
  /** Findings as they are known; never throws for what it meets. `configuration`: of one space. */
  check(configuration: Configuration, signal: AbortSignal): AsyncIterable<Finding>;
}

export type Connect = (configuration: Configuration) => Promise<Provider>;

/** Asks the provider itself; one that has no check of its own is opened and listed, which changes nothing. */
export class ProviderCheck implements OnlineCheck {
  readonly #connect: Connect;
  constructor(connect: Connect) {
    this.#connect = connect;
  }

  async *check(configuration: Configuration, signal: AbortSignal): AsyncGenerator<Finding> {
    let provider: Provider | undefined;
    try {
      provider = await this.#connect(configuration);
      if (provider.verify) yield* provider.verify([...configuration.machinetypes.values()], signal);
      else yield* looked(provider, signal);
    } catch (error) {
      yield failed(configuration.settings.provider, error);
    } finally {
      await provider?.close();
    }
  }
}

async function* looked(provider: Provider, signal: AbortSignal): AsyncGenerator<Finding> {
  const { notes } = await provider.open(signal);
  yield { what: provider.kind, state: 'ok', text: ['answers', ...notes].join('; ') };
  const { complete, sightings, offer } = await provider.list(signal);
  const sizes = offer === undefined ? '' : `, ${offer.flavors.length} flavors`;
  yield complete
    ? { what: 'machines', state: 'ok', text: `${sightings.length} listed${sizes}` }
    : { what: 'machines', state: 'unknown', text: 'the list is not complete; nothing would be concluded from it' };
}

/** What is ours to put right is wrong; what the other side did not answer is not known. */
function failed(what: string, error: unknown): Finding {
  const text = (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, ' ').slice(0, 500);
  return { what, state: error instanceof ProviderError && error.fault !== 'provider' ? 'wrong' : 'unknown', text };
}
