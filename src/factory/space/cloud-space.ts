import { createHash, randomBytes } from 'node:crypto';
import type { Observed } from '../../core/observed.ts';
import type { Configuration, Settings } from '../../core/settings.ts';
import type { FactoryAnswer } from '../../core/space/census.ts';
import { createSpaceMember, type Member } from '../../core/space/member.ts';
import type { SpaceReport } from '../../core/space/report.ts';
import type { Datagram, Endpoint, OwnStatus, SpaceView } from '../../core/space/types.ts';
import type { Seconds } from '../../core/units.ts';
import type { AskedKind } from '../../core/vacquery/query.ts';
import type { Clock } from '../clock.ts';
import type { SpacePart } from '../parts.ts';
import { version } from '../version.ts';
import { isWithin } from './network.ts';
import { aloneAnswers, hostStatus, ownStatus, selfReport } from './own-status.ts';
import type { SharedPort } from './shared-port.ts';

export interface CloudSpaceOptions {
  /** In force now. */
  readonly settings: () => Settings;
  readonly clock: Clock;
  readonly port: SharedPort;
}

const product = `Vacua ${version}`;

/** A space at a cloud in messages: one factory, which answers for its space and asks nobody (spec/cloud.md §10). */
export class CloudSpace implements SpacePart {
  readonly #options: CloudSpaceOptions;
  readonly #member: Member;
  readonly #space: string;
  #wants = '';
  #own: OwnStatus | undefined;
  #closed = false;

  constructor(options: CloudSpaceOptions) {
    this.#options = options;
    const s = options.settings();
    this.#space = s.space;
    this.#member = createSpaceMember(
      {
        space: s.space,
        factory: s.factoryName,
        factories: [],
        version: product,
        refresh: s.spaceRefresh,
        udpTimeout: s.udpTimeout,
        keys: [],
        acceptUnsignedFrom: new Set(),
        push: false,
      },
      {
        digest: (text) => createHash('sha256').update(text).digest('hex'),
        salt: () => randomBytes(32).toString('base64'),
        random: Math.random,
        session: randomBytes(6).toString('hex'),
        addressOf: () => undefined,
        isFriend: (host) => isWithin(host, options.settings().acceptQueriesFrom),
      },
      options.clock.wall(),
    );
    this.#listen();
  }

  view(): SpaceView {
    return { peers: [], silent: [] };
  }

  publish(observed: Observed, configuration: Configuration): void {
    void this.#publish(observed, configuration);
  }

  async #publish(observed: Observed, configuration: Configuration): Promise<void> {
    const own = ownStatus(observed, configuration, await hostStatus(configuration.settings.stateDir), product);
    if (this.#closed) return;
    this.#own = own;
    this.#member.publish(own, this.#options.clock.wall());
    this.#listen();
  }

  /** Other hosts may ask only where the site names them; others are answered where the port is open anyway. */
  #listen(): void {
    const { acceptQueriesFrom, vacqueryPort: port, vacqueryAddress: address } = this.#options.settings();
    const wants = acceptQueriesFrom.length > 0 ? { port, ...(address !== undefined && { address }) } : undefined;
    const mark = JSON.stringify(wants ?? 'no');
    if (mark === this.#wants) return;
    this.#wants = mark;
    this.#options.port.add(this.#space, this.#answer, wants);
  }

  readonly #answer = (payload: Uint8Array, from: Endpoint): readonly Datagram[] => this.#member.receive(payload, from, this.#options.clock.wall());

  shift(by: Seconds): void {
    this.#member.shift(by);
  }

  async settled(): Promise<void> {}

  report(): SpaceReport {
    const now = this.#options.clock.wall();
    const { space, factoryName: factory, vacqueryPort: port } = this.#options.settings();
    const { counters, strangers } = this.#member.report(now);
    const { fault } = this.#options.port;
    return {
      space,
      factory,
      at: now,
      port,
      factories: [selfReport(factory, this.#own, now, product)],
      ignored: Object.fromEntries(Object.entries(counters.rejected).filter(([, count]) => count > 0)),
      problems: fault === undefined ? [] : [fault],
      strangers,
    };
  }

  async ask(kind: AskedKind, { factories }: { readonly factories?: readonly string[] }): Promise<readonly FactoryAnswer[]> {
    const { factoryName } = this.#options.settings();
    return aloneAnswers(kind, factories ?? [factoryName], factoryName, this.#own, product);
  }

  own(): OwnStatus | undefined {
    return this.#own;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#options.port.remove(this.#space);
    this.#member.close();
  }
}
