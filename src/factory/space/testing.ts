import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { neutralSettings } from '../../core/situation/neutral.ts';
import type { Configuration, Settings } from '../../core/settings.ts';
import type { Observed } from '../../core/observed.ts';
import type { Endpoint } from '../../core/space/types.ts';
import { type Seconds, seconds } from '../../core/units.ts';
import { neutralMachinetype } from '../../core/situation/neutral.ts';
import { SystemClock } from '../clock.ts';
import { UdpSpace, type UdpSpaceOptions } from './udp-space.ts';

/** A UDP port that is free on all loopback addresses now. */
export async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0);
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  await once(socket, 'close');
  return port;
}

export const clock = new SystemClock();

/** Factories on loopback addresses: their names are these addresses. */
export const loopback = (last: number): string => `127.0.77.${last}`;

export const spaceSettings = (address: string, factories: readonly string[], port: number, more: Partial<Settings> = {}): Settings => ({
  ...neutralSettings,
  space: 'vac01.example.com',
  factoryName: address,
  factories,
  vacqueryPort: port,
  vacqueryAddress: address,
  udpTimeout: seconds(2),
  stateDir: '/',
  ...more,
});

export const configurationOf = (settings: Settings, machinetypes: readonly string[]): Configuration => ({
  settings,
  machinetypes: new Map(machinetypes.map((name) => [name, { ...neutralMachinetype, name, machinegroup: name, targetShare: 1 }])),
  pipes: [],
  digest: '',
});

export const observedOf = (factory: string, more: Partial<Observed> = {}): Observed => ({
  now: clock.wall(),
  host: { factory, processors: 2, load: 0 },
  machines: [],
  listing: { state: 'complete', at: clock.wall(), sightings: [], foreignProcessors: 0 },
  inFlight: new Set(),
  space: [],
  silent: [],
  preparations: new Map(),
  creationFailures: new Map(),
  recentStarts: [],
  ...more,
});

/** A factory without a loop: it has published one turn in which it had no machines. */
export async function factoryAt(settings: Settings, machinetypes: readonly string[], more: Partial<UdpSpaceOptions> = {}): Promise<UdpSpace> {
  const space = new UdpSpace({ clock, settings, environment: {}, ...more });
  space.publish(observedOf(settings.factoryName), configurationOf(settings, machinetypes));
  await until(() => space.own() !== undefined);
  await space.open();
  return space;
}

/** Waits for what other sockets must do; fails after a time that only a fault can need. */
export async function until(holds: () => boolean, within: Seconds = seconds(20)): Promise<void> {
  const end = performance.now() + within * 1000;
  while (!holds()) {
    if (performance.now() > end) throw new Error('this should have come true long ago');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A bare socket that speaks to factories. */
export class Stranger implements AsyncDisposable {
  readonly got: string[] = [];
  readonly #socket: Socket;
  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (payload) => this.got.push(payload.toString('utf8')));
  }
  static async at(address: string, port = 0): Promise<Stranger> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
    socket.bind(port, address);
    await once(socket, 'listening');
    return new Stranger(socket);
  }
  onMessage(listener: (payload: Buffer, from: Endpoint) => void): void {
    this.#socket.on('message', (payload, from) => listener(payload, { host: from.address, port: from.port }));
  }
  send(payload: string | Uint8Array, to: Endpoint): Promise<void> {
    return new Promise((resolve, reject) => this.#socket.send(payload, to.port, to.host, (error) => (error ? reject(error) : resolve())));
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await once(this.#socket, 'close');
  }
}
