import { createSocket, type Socket } from 'node:dgram';
import type { FactoryAnswer } from '../core/space/census.ts';
import { closeMessage } from '../core/vacquery/prepared.ts';
import { openFactory, openMachines, openMachinetypes, type Sender } from '../core/vacquery/encode.ts';
import { at, parseObject } from '../core/vacquery/json.ts';
import { queryKind } from '../core/vacquery/query.ts';
import { unixSeconds } from '../core/units.ts';
import { fakeAnswer, fakeSpaceNow } from '../core/space/fake-answers.ts';

export interface FakeSpaceOptions {
  readonly space?: string;
  /** 127.17.x.y, x and y from 0; each is the name of a factory as well (spec/vacquery.md §8). */
  readonly count: number;
  /** What the factory of this number says. `silent`: nothing at all. */
  readonly answer?: (factory: string, number: number) => FactoryAnswer;
  /** Changes what is sent: forged, hostile or lost datagrams. */
  readonly disturb?: (payload: Uint8Array, number: number) => readonly Uint8Array[];
}

/** Many factories in one process that answer on loopback addresses of their own, for tests and benches. */
export class FakeSpace implements AsyncDisposable {
  readonly port: number;
  readonly factories: readonly string[];
  readonly #sockets: readonly Socket[];

  private constructor(port: number, factories: readonly string[], sockets: readonly Socket[]) {
    this.port = port;
    this.factories = factories;
    this.#sockets = sockets;
  }

  /** Rejects when the port that the first got is taken at another address. */
  static async open(options: FakeSpaceOptions): Promise<FakeSpace> {
    const factories = Array.from({ length: options.count }, (_, i) => `127.17.${i >> 8}.${i & 255}`);
    const sockets: Socket[] = [];
    let port = 0;
    for (const [i, factory] of factories.entries()) {
      const answer = options.answer?.(factory, i) ?? fakeAnswer(factory);
      const socket = createSocket('udp4');
      sockets.push(socket);
      await new Promise<void>((resolve, reject) => {
        socket.once('error', reject);
        socket.bind(port, factory, resolve);
      });
      port = socket.address().port;
      socket.on('message', (payload, from) => {
        for (const reply of replies(payload, answer, options.space ?? 'vac01.example.com')) {
          for (const sent of options.disturb?.(reply, i) ?? [reply]) socket.send(sent, from.port, from.address);
        }
      });
    }
    return new FakeSpace(port, factories, sockets);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#sockets.map((socket) => new Promise<void>((resolve) => socket.close(resolve))));
  }
}

function replies(payload: Uint8Array, answer: FactoryAnswer, space: string): readonly Uint8Array[] {
  const query = parseObject(payload);
  if (answer.answered === 'silent' || query === undefined || at(query, 'space') !== space) return [];
  const from: Sender = { space, site: 'EXAMPLE-SITE', factory: answer.factory, version: answer.version, component: 'vacd-responder' };
  const cookie = String(at(query, 'cookie'));
  const close = (open: readonly string[]): readonly Uint8Array[] => open.map((text) => closeMessage(text, cookie, unixSeconds(fakeSpaceNow)));
  switch (queryKind(query)) {
    case 'factories':
      return close(answer.factoryFacts === undefined ? [] : [openFactory(answer.factoryFacts, from)]);
    case 'machinetypes':
      return close(openMachinetypes(answer.machinetypes, from));
    case 'machines':
      return close(openMachines(answer.machines, from));
    default:
      return [];
  }
}
