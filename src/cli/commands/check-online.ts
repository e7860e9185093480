import type { Configuration } from '../../core/settings.ts';
import type { Connect, OnlineCheck } from '../../factory/online-check.ts';
import type { Finding } from '../../providers/contract.ts';
import type { ExitCode } from '../context.ts';
import { printable } from '../text.ts';

export interface SpaceFinding extends Finding {
  readonly space: string;
}

/** Longest that one space is looked at. */
const patienceMilliseconds = 60_000;

/** Looks at all spaces at the same time, so that a dead one delays no other; findings come as they are known. */
export async function* lookOnline(configuration: Configuration, online: OnlineCheck, signal: AbortSignal): AsyncGenerator<SpaceFinding> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(patienceMilliseconds)]);
  const next = async (space: string, findings: AsyncIterator<Finding>) => ({ space, findings, result: await findings.next() });
  const waiting = new Map(
    [...(configuration.spaces ?? [])].map(([space, own]) => [space, next(space, online.check(own, limited)[Symbol.asyncIterator]())] as const),
  );
  while (waiting.size > 0) {
    const { space, findings, result } = await Promise.race(waiting.values());
    if (result.done === true) waiting.delete(space);
    else {
      waiting.set(space, next(space, findings));
      yield { ...result.value, space };
    }
  }
}

/** One line, such as `wrong    cloud01.example.com: image debian-12: …`. */
export const findingLine = ({ space, what, state, text }: SpaceFinding): string => printable(`${state.padEnd(7)}  ${space}: ${what}: ${text}`);

/** 1: something is wrong; 3: something could not be looked at; 0: all is there. */
export const onlineCode = (findings: readonly Finding[]): ExitCode =>
  findings.some(({ state }) => state === 'wrong') ? 1 : findings.some(({ state }) => state === 'unknown') ? 3 : 0;

/** Loaded for `--online` alone. */
export async function providerCheck(connect?: Connect): Promise<OnlineCheck> {
  const { ProviderCheck } = await import('../../factory/online-check.ts');
  if (connect) return new ProviderCheck(connect);
  const { spaceProvider } = await import('../../factory/space-provider.ts');
  const { instant } = await import('../../core/units.ts');
  return new ProviderCheck(({ settings }) => spaceProvider(settings, () => instant(Date.now())));
}
