import { clock, factoryAt, spaceSettings, until } from '../src/factory/space/testing.ts';
import { seconds } from '../src/core/units.ts';

/** The measured process of refresh.bench.ts: one factory of a large space that learns of all others. Arguments: port, factories, dead ones. */
const [port, factories, dead] = process.argv.slice(2).map(Number) as [number, number, number];
const names = Array.from({ length: factories }, (_, i) => `127.20.${i >> 8}.${i & 255}`);
const own = '127.21.0.1';
/** Compiled code and warm caches, as in a daemon that has run for a minute: one refresh is not counted. */
const rounds = 3;
const results: { wall: number; cpu: number; heard: number }[] = [];
for (let round = 0; round < rounds; round++) {
  const space = await factoryAt(spaceSettings(own, [], port, { space: 'bench.example.com' }), ['tenant-0']);
  await space.close();
  const measured = await factoryAt(spaceSettings(own, [own], port, { space: 'bench.example.com', udpTimeout: seconds(10) }), ['tenant-0']);
  await measured.close();
  const from = performance.now();
  const used = process.cpuUsage();
  const view = await factoryAt(spaceSettings(own, [own, ...names], port, { space: 'bench.example.com', udpTimeout: seconds(10) }), ['tenant-0']);
  const heard = (): number => new Set(view.view(clock.wall()).peers.map((p) => p.factory)).size;
  await until(() => heard() >= factories - dead, seconds(8)).catch(() => undefined);
  const cpu = process.cpuUsage(used);
  results.push({ wall: (performance.now() - from) / 1000, cpu: (cpu.user + cpu.system) / 1e6, heard: heard() });
  await view.close();
}
process.send?.(results);
process.disconnect();
