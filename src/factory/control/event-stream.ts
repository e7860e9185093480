import type { Instant } from '../../core/units.ts';
import type { Listener } from '../events.ts';
import type { SiteView } from '../site-view.ts';
import { EventLine } from './answers.ts';
import { encode } from './codec.ts';

/** Bytes that may wait for a reader; one that falls further behind is cut off rather than kept in memory. */
const maxWaiting = 4 * 1024 * 1024;

export interface ControlLog {
  warn(fields: object, message: string): void;
}

export interface EventStream {
  readonly body: ReadableStream<Uint8Array>;
  /** Ends the stream properly; does nothing when it has ended. */
  end(): void;
}

/**
 * What happens in the daemon as lines of JSON, from now on, until the reader leaves or `end` is called. `onEnd` is called once, however it
 * ends. `only`: events of this space alone; absent: of all, with the names of their spaces where `named`.
 */
export function eventStream(
  site: Pick<SiteView, 'subscribe'>,
  { only, named }: { readonly only?: string; readonly named: boolean },
  now: () => Instant,
  log: ControlLog,
  onEnd: () => void,
): EventStream {
  const text = new TextEncoder();
  let finish = (_close: () => void): void => undefined;
  let end = (): void => undefined;
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        let open = true;
        finish = (close) => {
          if (!open) return;
          open = false;
          unsubscribe();
          close();
          onEnd();
        };
        end = () => finish(() => controller.close());
        const send = (line: () => EventLine): void => {
          // A reader must never be able to end the daemon: whatever goes wrong here ends this stream alone.
          try {
            if ((controller.desiredSize ?? 0) <= 0) throw new Error(`the reader is more than ${maxWaiting} bytes behind`);
            controller.enqueue(text.encode(`${JSON.stringify(encode(EventLine, line()))}\n`));
          } catch (error) {
            log.warn({ error: String(error) }, 'event stream cut off');
            finish(() => controller.error(error));
          }
        };
        const unsubscribe = site.subscribe((space) => {
          if (only !== undefined && space !== only) return {};
          return listener((line) => send(() => (named ? { ...line(), space } : line())), now);
        });
      },
      cancel: () => finish(() => undefined),
    },
    new ByteLengthQueuingStrategy({ highWaterMark: maxWaiting }),
  );
  return { body, end: () => end() };
}

function listener(send: (line: () => EventLine) => void, now: () => Instant): Listener {
  return {
    decided: (decision) => send(() => ({ event: 'decided', at: decision.at, fact: decision as never })),
    performed: ({ action, machine, took }) =>
      send(() => ({ event: 'performed', at: now(), fact: { action, took, ...(machine === undefined ? {} : { machine: machine.id }) } })),
    failed: ({ action, machine, error }) =>
      send(() => ({
        event: 'failed',
        at: now(),
        fact: { action, error: error instanceof Error ? error.message : String(error), ...(machine === undefined ? {} : { machine: machine.id }) },
      })),
    finished: ({ machine }) => send(() => ({ event: 'finished', at: now(), fact: machine })),
    closed: (fact) => send(() => ({ event: 'closed', at: now(), fact })),
  };
}
