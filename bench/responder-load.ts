import { createSocket } from 'node:dgram';
import { once } from 'node:events';

/**
 * The asking side of responder.bench.ts, in its own process: queries at an even rate, machinetypes and machines in turn.
 * Arguments: address and port of the factory, own address, queries per second, seconds. Tells the latencies in milliseconds.
 */
const [host = '', portText, own = '', ...rest] = process.argv.slice(2);
const [rate, duration] = rest.map(Number) as [number, number];
const port = Number(portText);
const expected = { machinetypes: 10, machines: 64 } as const;

interface Open {
  left: number;
  readonly at: number;
}
const open = new Map<string, Open>();
const latencies: number[] = [];
let replies = 0;
const mark = Buffer.from('"cookie": "');
function received(payload: Buffer): void {
  replies += 1;
  const from = payload.indexOf(mark) + mark.length;
  const cookie = payload.toString('latin1', from, from + 16);
  const asked = open.get(cookie);
  if (!asked) return;
  asked.left -= 1;
  if (asked.left > 0) return;
  latencies.push(performance.now() - asked.at);
  open.delete(cookie);
}

/** So many, each with the kernel's default buffer, so that a pause of this process loses no answer that the factory has given. */
const sockets = await Promise.all(
  Array.from({ length: 256 }, async () => {
    const socket = createSocket({ type: 'udp4', lookup: (name, _options, found) => found(null, name, 4) });
    const listening = once(socket, 'listening');
    socket.bind(0, own);
    await listening;
    return socket.on('message', received);
  }),
);

const total = rate * duration;
const began = performance.now();
let sent = 0;
/** As many queries as are due by now; a timer is not finer than a millisecond. */
function pump(): void {
  const due = Math.min(total, Math.floor(((performance.now() - began) * rate) / 1000));
  while (sent < due) {
    const kind = sent % 2 === 0 ? 'machinetypes' : 'machines';
    const cookie = sent.toString(16).padStart(16, '0');
    open.set(cookie, { left: expected[kind], at: performance.now() });
    sockets[sent % sockets.length]?.send(JSON.stringify({ message_type: `${kind}_query`, method: kind, space: 'bench.example.com', cookie }), port, host);
    sent += 1;
  }
  if (sent < total) setTimeout(pump, 1);
  else setTimeout(finish, 1000);
}
function finish(): void {
  process.send?.({ sent, unanswered: open.size, replies, latencies });
  for (const socket of sockets) socket.close();
  process.disconnect();
}
pump();
