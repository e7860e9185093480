import { setTimeout as pause } from 'node:timers/promises';
import { UdpSpace } from '../src/factory/space/udp-space.ts';
import { clock, configurationOf, observedOf, spaceSettings, until } from '../src/factory/space/testing.ts';
import { busyMachines } from './space-machines.ts';

/** The measured process of responder.bench.ts: a factory with 64 machines of ten types. Argument: port. Tells its CPU time when asked. */
const port = Number(process.argv[2]);
const [own, other] = ['127.22.0.1', '127.22.0.2'];
const settings = spaceSettings(own, [own, other], port, { space: 'bench.example.com' });
const space = new UdpSpace({ clock, settings, environment: {} });
const types = Array.from({ length: 10 }, (_, t) => `tenant-${t}`);
space.publish(
  { ...observedOf(own), host: { factory: own, processors: 64, load: 0 }, machines: busyMachines(64, types, clock.wall()) },
  configurationOf(settings, types),
);
await until(() => space.own() !== undefined);
await space.open();
process.on('message', () => process.send?.(process.cpuUsage()));
process.on('disconnect', () => void space.close().then(() => process.exit(0)));
await pause(100);
process.send?.('ready');
