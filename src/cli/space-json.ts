import type { Instant } from '../core/units.ts';
import { encode, time } from '../factory/control/codec.ts';
import { FactoryAnswer } from '../factory/control/space-answers.ts';
import type { SpaceAnswer } from './space-source.ts';
import type { SilentFactory } from './views/factories.ts';

const text = (at: Instant | undefined): string | undefined => (at === undefined ? undefined : encode(time, at));

/** What `--json` prints of a question to the space, in the form of the control API. */
export const spaceJson = ({ space, answers, notes, ignored }: SpaceAnswer, silent: readonly SilentFactory[]): object => ({
  space,
  answers: answers.map((a) => ({ ...encode(FactoryAnswer, a), ...notes.get(a.factory) })),
  silent: silent.map((f) => ({ ...f, since: text(f.since), nextTry: text(f.nextTry), seenAt: text(f.seenAt) })),
  ignored,
});
