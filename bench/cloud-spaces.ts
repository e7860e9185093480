import { cloudConfiguration, cloudSite, cloudType } from '../src/factory/testing-cloud.ts';
import { setTimeout as pause } from 'node:timers/promises';
import { seconds } from '../src/core/units.ts';

/**
 * The measured process of cloud.bench.ts: `process.argv[2]` spaces of `process.argv[3]` machines each, at simulated clouds. An hour of cycles goes by as
 * fast as it can; then, when the garbage of that is behind it, some more with a pause between them, as in life. Tells its parent the most that it held there.
 */
const [spaces, machines] = process.argv.slice(2).map(Number);
const configuration = cloudConfiguration(
  Array.from({ length: 5 }, (_, i) => cloudType(`tenant-${i}`, { targetShare: i + 1, fizzle: seconds(0) }, { flavorNames: ['cpu.1'] })),
  { processorsLimit: machines ?? 0 },
);
const sites = Array.from({ length: spaces ?? 0 }, () => cloudSite(configuration, { build: seconds(30) }));
const cycle = async (): Promise<void> => {
  for (const { manager } of sites) await manager.after(60);
};
for (let i = 0; i < 60; i++) await cycle();
await pause(15_000);
let resident = 0;
for (let i = 0; i < 10; i++) {
  await cycle();
  resident = Math.max(resident, process.memoryUsage.rss() / 2 ** 20);
  await pause(1000);
}
const running = sites.reduce((sum, { manager }) => sum + manager.machines('running').length, 0);
process.once('disconnect', () => {
  for (const { manager } of sites) manager.remove();
});
process.send?.({ running, resident });
