import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startFactory } from '../src/factory/daemon.ts';
import { factorySite } from './factory-site.ts';

/** The measured process of memory.bench.ts: a daemon with `process.argv[2]` simulated machines; tells its parent when all run, and ends with it. */
const machines = Number(process.argv[2]);
const directory = mkdtempSync(join(tmpdir(), 'vacua-bench-'));
const kernel = join(directory, 'kernel');
const initrd = join(directory, 'initrd');
writeFileSync(kernel, Buffer.concat([Buffer.alloc(0x1fe), Buffer.from([0x55, 0xaa]), Buffer.from('..HdrS'), Buffer.alloc(4096)]));
writeFileSync(initrd, Buffer.from([0x1f, 0x8b, 8, 0]));
const site = factorySite({
  slots: machines,
  settings: ['provider = sim', `boot_concurrency = ${machines}`],
  machinetype: ['fizzle_seconds = 0'],
  kernel,
  initrd,
  userData: '#!/bin/sh\n#sim run=80000\n',
});
const factory = await startFactory(site.options);
const atWork = (): number => factory.view.machines().filter((m) => m.state === 'running' && m.contactAt !== undefined).length;
const stop = factory.bus.subscribe({
  decided: () => {
    if (atWork() < machines) return;
    stop();
    process.send?.('full');
  },
});
process.once('disconnect', async () => {
  await factory.stop();
  site.remove();
  rmSync(directory, { recursive: true });
  process.exit(0);
});
