import { subscribe } from 'node:diagnostics_channel';
import { hostEnvironment } from '../../src/factory/config/host-environment.ts';
import { FileConfigurationSource } from '../../src/factory/config/source.ts';
import { startSite } from '../../src/factory/daemon.ts';

/**
 * One life of the whole daemon with a real cloud: `crash-child.ts CONFIG BOUNDARY`. It kills itself there with SIGKILL, and ends by SIGALRM when
 * a while has passed without it. With BOUNDARY `last` it drains, and exits with 0 when every machine has ended.
 */
const [config = '', boundary = ''] = process.argv.slice(2);
const patienceMilliseconds = 180_000;

const die = (): void => {
  process.kill(process.pid, 'SIGKILL');
};
const at = (name: string): void => {
  if (name === boundary) die();
};
/** A request has left, and its answer has not come. */
subscribe('undici:request:bodySent', (message) => {
  const { request } = message as { request: { method: string; path: string } };
  if (request.method === 'POST' && request.path.endsWith('/servers')) setImmediate(at, 'post:sent');
  if (request.method === 'DELETE' && /\/servers\/[^/]+$/.test(request.path)) setImmediate(at, 'delete:sent');
});
const { site, stop } = await startSite({
  configuration: new FileConfigurationSource({ files: [config], environment: { ...hostEnvironment(), processors: 1 } }),
  host: { processors: 1, facts: async () => ({ load: 0 }) },
  steps: { at },
});
if (boundary === 'last') {
  const drained = Promise.withResolvers<void>();
  const looked = Promise.withResolvers<void>();
  site.subscribe(() => ({
    decided: ({ actions }) => {
      looked.resolve();
      const [space] = site.factories();
      if (actions.length === 0 && space?.view.status().draining === true && space.view.machines().every((m) => m.state === 'finished')) drained.resolve();
    },
  }));
  await looked.promise;
  for (const { view } of site.factories()) await view.drain(true);
  await drained.promise;
  await stop();
} else setTimeout(() => process.kill(process.pid, 'SIGALRM'), patienceMilliseconds);
