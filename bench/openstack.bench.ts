import { randomBytes } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { setTimeout as pause } from 'node:timers/promises';
import { instant, later } from '../src/core/units.ts';
import type { MachineOrder } from '../src/providers/contract.ts';
import { OpenStackProvider } from '../src/providers/openstack/index.ts';
import { cloudNamed, RawCloud, withoutCloud } from '../src/providers/openstack/test-bed.ts';
import { never, orderOf } from '../src/providers/openstack/test-kit.ts';
import { atMost, type BenchResult, median, notMeasured, shown } from './result.ts';

const servers = 10;
const rounds = 2;
const patienceSeconds = 600;
const lookMilliseconds = 500;
const ratioName = `fill ${servers} servers at a real OpenStack`;
const postName = 'from a free place to the POST';
const space = `bench-${randomBytes(4).toString('hex')}.example.com`;

/** Seconds until all servers of this prefix are ACTIVE, since `began`. */
async function allActive(raw: RawCloud, prefix: string, began: number): Promise<number> {
  for (;;) {
    const mine = (await raw.servers()).filter((s) => s.name.startsWith(prefix));
    if (mine.filter((s) => s.status === 'ACTIVE').length === servers) return (performance.now() - began) / 1000;
    const failed = mine.find((s) => s.status === 'ERROR');
    if (failed !== undefined) throw new Error(`server ${failed.name} is in ERROR: is the host full?`);
    if (performance.now() - began > patienceSeconds * 1000) throw new Error(`not ${servers} servers within ${patienceSeconds} s`);
    await pause(lookMilliseconds);
  }
}

async function remove(raw: RawCloud, prefix: string): Promise<void> {
  await raw.remove((await raw.servers()).filter((s) => s.name.startsWith(prefix)).map((s) => s.id));
}

/** Ten plain requests started together, as anybody would with the API. */
async function plain(raw: RawCloud, bodies: readonly object[], prefix: string): Promise<number> {
  try {
    const began = performance.now();
    await Promise.all(bodies.map((server, i) => raw.ask('compute', 'POST', '/servers', { server: { ...server, name: `${prefix}-${i}` } })));
    return await allActive(raw, prefix, began);
  } finally {
    await remove(raw, prefix);
  }
}

/** The same by a provider that was just opened: it has to look up flavor, image and network, and whether the machines are there already. */
async function ours(raw: RawCloud, prefix: string, toPost: number[]): Promise<number> {
  const provider = new OpenStackProvider({
    api: cloudNamed('demo', { configDrive: true }),
    space,
    manager: 'bench',
    readSecret: async (secret) => (secret.from === 'text' ? secret.text : ''),
    now: () => instant(Date.now()),
    consoleMaxBytes: 65_536,
  });
  const now = instant(Date.now());
  const orders = Array.from(
    { length: servers },
    (_, i): MachineOrder => orderOf({ createdAt: now, shutdownTime: later(now, 3600) }, { name: `${prefix}-${i}` }),
  );
  let began = 0;
  const posted = (message: unknown): void => {
    const { request } = message as { request: { method: string; path: string } };
    if (request.method === 'POST' && request.path.endsWith('/servers')) toPost.push(performance.now() - began);
  };
  try {
    await provider.open(never());
    subscribe('undici:request:create', posted);
    began = performance.now();
    await Promise.all(orders.map((o) => provider.create(o, never())));
    return await allActive(raw, prefix, began);
  } finally {
    unsubscribe('undici:request:create', posted);
    await remove(raw, prefix);
    await provider.close();
  }
}

/** Against the real OpenStack of test/openstack; both sides start ten servers at once, in turns, because the host's speed drifts. */
export async function run(): Promise<BenchResult[]> {
  if (withoutCloud !== false) return [notMeasured(ratioName, '× plain', withoutCloud), notMeasured(postName, 'ms', withoutCloud)];
  const raw = await RawCloud.open('demo');
  const image = ((await raw.ask('image', 'GET', '/images?name=tiny')).body as { images: { id: string }[] }).images[0]?.id;
  const network = ((await raw.ask('network', 'GET', '/networks?name=testnet')).body as { networks: { id: string }[] }).networks[0]?.id;
  const body = {
    imageRef: image,
    flavorRef: 't1.nano',
    networks: [{ uuid: network }],
    config_drive: true,
    user_data: Buffer.from('#!/bin/sh\n').toString('base64'),
  };
  const bodies = Array.from({ length: servers }, () => body);
  const toPost: number[] = [];
  const floors = [await plain(raw, bodies, `${space}-p0`)];
  const fills: number[] = [];
  for (let round = 0; round < rounds; round++) {
    fills.push(await ours(raw, `${space}-o${round}`, toPost));
    floors.push(await plain(raw, bodies, `${space}-p${round + 1}`));
  }
  const ratios = fills.map((took, i) => took / (((floors[i] ?? 0) + (floors[i + 1] ?? 0)) / 2));
  return [
    atMost(ratioName, median(ratios), '× plain', 1.2, { floor: 1 }),
    shown('time of that fill', median(fills), 's', { floor: median(floors) }),
    atMost(postName, Math.max(...toPost), 'ms', 1000, { note: `slowest of ${toPost.length}; includes the looks at the cloud before it` }),
  ];
}
