import { join } from 'node:path';
import { seconds } from '../../core/units.ts';
import type { SimClock } from './clock.ts';
import { servedGuest } from './guest.ts';
import { SimProvider } from './provider.ts';
import { openWorldFile } from './world-file.ts';

/**
 * The provider of `provider = sim`: its world is kept in the state directory, so that a restarted daemon meets its machines
 * again. Guests live in this process and do what their user data says (guest.ts); they pause while no daemon runs.
 */
export const simProvider = (stateDir: string, clock: SimClock): SimProvider =>
  new SimProvider(() => openWorldFile(join(stateDir, 'sim-world.jsonl'), { clock, guest: servedGuest(clock), script: { plan: () => ({ boot: seconds(2) }) } }));
