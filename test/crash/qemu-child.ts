import { hostEnvironment } from '../../src/factory/config/host-environment.ts';
import { FileConfigurationSource } from '../../src/factory/config/source.ts';
import { startFactory } from '../../src/factory/daemon.ts';
import type { StepName } from '../../src/factory/loop-parts.ts';

/**
 * One life of the whole daemon with real machines: `qemu-child.ts CONFIG SLOTS STEP PASSAGE`. It kills itself at that passage of
 * that step, or when a while has passed without it. With STEP `last` it drains, and exits with 0 when every machine has ended.
 */
const [config = '', slots = '', step = '', passage = ''] = process.argv.slice(2);
const patienceMilliseconds = 4000;
const processors = Number(slots);
let left = Number(passage);

const die = (): void => {
  process.kill(process.pid, 'SIGKILL');
};
const factory = await startFactory({
  configuration: new FileConfigurationSource({ files: [config], environment: { ...hostEnvironment(), processors } }),
  host: { processors, facts: async () => ({ load: 0 }) },
  steps: {
    at: (name: StepName) => {
      if (name === step && --left === 0) die();
    },
  },
});
if (step === 'last') {
  await factory.view.drain(true);
  factory.bus.subscribe({
    decided: ({ actions }) => {
      if (actions.length === 0 && factory.view.machines().every((m) => m.state === 'finished')) factory.view.loop.stop();
    },
  });
  await factory.ended;
  await factory.stop();
} else setTimeout(die, patienceMilliseconds);
