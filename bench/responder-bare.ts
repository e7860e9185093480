import { createSocket } from 'node:dgram';

/** The floor of responder.bench.ts: the same number of messages of the same size, sent without reading more of the question than its cookie. Argument: port. */
const mark = Buffer.from('"cookie":"');
const socket = createSocket({ type: 'udp4', lookup: (name, _options, found) => found(null, name, 4) });
socket.on('message', (payload, from) => {
  const at = payload.indexOf(mark) + mark.length;
  const reply = Buffer.alloc(800, 0x20);
  reply.write(`{"cookie": "${payload.toString('latin1', at, at + 16)}"}`);
  for (let left = payload.includes('machines_query') ? 64 : 10; left > 0; left--) socket.send(reply, from.port, from.address);
});
socket.bind(Number(process.argv[2]), '127.22.0.1', () => process.send?.('ready'));
process.on('disconnect', () => process.exit(0));
