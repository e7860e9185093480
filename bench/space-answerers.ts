import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { openMachinetype } from '../src/core/vacquery/encode.ts';
import { typeFacts } from '../src/core/space/testing.ts';

/**
 * Many factories in one process, each on its own loopback address: the answering side of refresh.bench.ts.
 * Arguments: port, number of factories, number of machinetypes, part of them that is dead, part of datagrams that is lost.
 */
const [port, factories, types, dead, loss] = process.argv.slice(2).map(Number) as [number, number, number, number, number];
export const addressOf = (i: number): string => `127.20.${i >> 8}.${i & 255}`;

let dropped = 0;
let n = 0;
/** Every so many-th datagram is lost, the same in every run. */
const lost = (): boolean => {
  n += 1;
  if (loss === 0 || n % Math.round(1 / loss) !== 0) return false;
  dropped += 1;
  return true;
};

for (let i = 0; i < factories; i++) {
  if (dead > 0 && i % Math.round(1 / dead) === 0) continue;
  const factory = addressOf(i);
  const sender = { space: 'bench.example.com', site: 'EXAMPLE', factory, version: 'Vacua 0.1.0', component: 'vacd-responder' } as const;
  const open = Array.from({ length: types }, (_, t) => openMachinetype(typeFacts(`tenant-${t}`), types, sender));
  const socket = createSocket({ type: 'udp4', lookup: (name, _options, found) => found(null, name, 4) });
  socket.on('message', (payload, from) => {
    if (lost()) return;
    const { cookie } = JSON.parse(payload.toString()) as { readonly cookie: string };
    for (const text of open)
      if (!lost()) socket.send(`${text}, "cookie": "${cookie}", "time_sent": ${Math.floor(Date.now() / 1000)}}`, from.port, from.address);
  });
  const listening = once(socket, 'listening');
  socket.bind(port, factory);
  await listening;
}
process.send?.('ready');
process.on('message', () => process.send?.({ dropped }));
process.on('disconnect', () => process.exit(0));
