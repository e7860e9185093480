import { pino } from 'pino';
import { realParts } from '../factory.ts';

/**
 * `factory-process.ts CONFIG STATE_DIR SLOTS`: a factory as a process of its own, on a host that is taken to have so many processors.
 * Ends at SIGTERM; machines outlive it, as they outlive `vacua factory`.
 */
const [configFile = '', stateDir = '', slots = ''] = process.argv.slice(2);
const log = pino({ base: null });
const factory = await realParts.startFactory({
  configFile,
  stateDir,
  provider: 'qemu',
  processors: Number(slots),
  accepted: () => undefined,
  listeners: [
    {
      configured: ({ problems }) => {
        for (const { file, line, column, text } of problems) log.warn({ at: `${file}:${line}:${column}`, text }, 'configuration');
      },
      finished: ({ machine, outcome }) =>
        log.info({ machine: machine.id, outcome: outcome.message ?? outcome.killReason ?? outcome.cause }, 'machine finished'),
      failed: ({ action, error }) => log.warn({ action: action.kind, error: error instanceof Error ? error.message : String(error) }, 'action failed'),
    },
  ],
});
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => void factory.stop());
