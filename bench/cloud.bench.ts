import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { seconds } from '../src/core/units.ts';
import { SystemClock } from '../src/factory/clock.ts';
import { CloudManager, cloudConfiguration, cloudSite, cloudType } from '../src/factory/testing-cloud.ts';
import { SimCloud } from '../src/providers/sim/cloud.ts';
import { atMost, type BenchResult } from './result.ts';

const latency = seconds(0.1);
const types = (count: number) =>
  Array.from({ length: count }, (_, i) => cloudType(`tenant-${i}`, { targetShare: i + 1, fizzle: seconds(0) }, { flavorNames: ['cpu.1'] }));

/** Requests of one cycle in which nothing changes, while guests are heard every second. */
async function callsPerCycle(machines: number): Promise<number> {
  const { cloud, manager } = cloudSite(cloudConfiguration(types(5), { processorsLimit: machines }), { page: 1e6 });
  for (let i = 0; i < 5; i++) await manager.after(60);
  if (manager.machines('running').length !== machines) throw new Error(`${manager.machines('running').length} of ${machines} machines run`);
  const sum = (): number => Object.values(cloud.calls).reduce((a, b) => a + b, 0);
  const before = sum();
  const cycles = 5;
  for (let second = 0; second < cycles * 60; second++) await manager.after(1);
  manager.remove();
  return (sum() - before) / cycles;
}

/** Seconds from the beginning of a turn until the cloud has accepted every machine of it, on real time. */
async function fill(machines: number): Promise<number> {
  const clock = new SystemClock();
  const cloud = new SimCloud({ clock, latency });
  const manager = new CloudManager(cloud, clock, { configuration: cloudConfiguration(types(5), { processorsLimit: machines }) });
  const began = performance.now();
  await manager.after(0);
  const took = (performance.now() - began) / 1000;
  if (cloud.servers.length !== machines) throw new Error(`${cloud.servers.length} of ${machines} machines were made`);
  manager.remove();
  return took;
}

/** The same for one machine of a space beside another that never answers. */
async function besideADeadOne(): Promise<number> {
  const clock = new SystemClock();
  const silent = new CloudManager(new SimCloud({ clock, latency: seconds(1e6) }), clock, {
    configuration: cloudConfiguration(types(5), { processorsLimit: 100 }),
  });
  const waiting = silent.loop.turn();
  const took = await fill(1);
  await silent.provider.close();
  await waiting;
  silent.remove();
  return took;
}

/** How bin/vacua runs its Node. */
const vacuaFlags = (): string[] => (/exec "\$node" (.*) "\$root/.exec(readFileSync(join(import.meta.dirname, '../bin/vacua'), 'utf8'))?.[1] ?? '').split(' ');

async function residentOf(spaces: number, machines: number): Promise<{ readonly running: number; readonly resident: number }> {
  const env = { ...process.env, NODE_COMPILE_CACHE: join(import.meta.dirname, '../var/compile-cache') };
  const child = fork(join(import.meta.dirname, 'cloud-spaces.ts'), [String(spaces), String(machines)], { execArgv: vacuaFlags(), env });
  const ended = once(child, 'exit');
  const [said] = (await Promise.race([once(child, 'message'), ended.then(([code]) => Promise.reject(new Error(`the process ended with ${code}`)))])) as [
    { running: number; resident: number },
  ];
  child.disconnect();
  await ended;
  return said;
}

/** Spaces at simulated clouds: requests, concurrency, memory, independence (docs/benchmarks.md). */
export async function run(): Promise<BenchResult[]> {
  const [few, many] = [await callsPerCycle(10), await callsPerCycle(1000)];
  const one = await fill(1);
  const hundred = await fill(100);
  const beside = await besideADeadOne();
  await residentOf(1, 1); // fills the compile cache
  const floor = await residentOf(1, 1);
  const { running, resident } = await residentOf(10, 500);
  return [
    atMost('requests per quiet cycle, 1,000 machines', many, '', 3, { floor: few, note: 'besides further pages; floor: 10 machines' }),
    atMost('100 creations at a cloud of 100 ms latency', hundred, 's', 3 * one, { floor: one, note: 'list included; floor: one creation' }),
    atMost('one creation beside a space that never answers', beside, 's', 1, { floor: one }),
    atMost('resident memory, 5,000 machines in 10 spaces', resident, 'MiB', 150, {
      floor: floor.resident,
      note: `${running} running, the simulated clouds included; floor: one machine`,
    }),
  ];
}
