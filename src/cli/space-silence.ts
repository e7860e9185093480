import { seenIn } from '../factory/census.ts';
import { layout } from '../factory/layout.ts';
import type { CliContext } from './context.ts';
import type { SpaceAnswer } from './space-source.ts';
import { type SilentFactory, silentFactories } from './views/factories.ts';

/** Who has not answered, with what this host knows of them. When nobody has, the exit code is 3. */
export async function silentOf(context: Pick<CliContext, 'stateDir' | 'exit'>, space: SpaceAnswer): Promise<readonly SilentFactory[]> {
  const mute = space.answers.filter((a) => a.answered === 'silent').map((a) => a.factory);
  if (mute.length === space.answers.length) context.exit(3);
  return silentFactories(space, await seenIn(layout(context.stateDir).census, mute));
}
