import type { GuestReport, KillReason } from '../machine.ts';
import type { Machinetype } from '../machinetype.ts';
import { type Instant, instant, later } from '../units.ts';
import type { Alarm } from './alarm.ts';

/**
 * Whether a running machine has to be ended for its heartbeat file (spec/factory.md §10.1). Not judged: a machinetype without
 * `heartbeat_file` or with `fizzle_seconds` 0, anything before start + `fizzle_seconds`, and silence while the guest service
 * was not working: the file counts as written when the service came back (`serviceSince`; undefined: it does not work now).
 */
export function heartbeatFault(
  m: GuestReport & { readonly startedAt: Instant },
  type: Pick<Machinetype, 'heartbeatFile' | 'heartbeat' | 'fizzle'>,
  serviceSince: Instant | undefined,
  now: Instant,
  alarm: Alarm,
): (KillReason & ('heartbeat-missing' | 'heartbeat-old')) | undefined {
  if (type.heartbeatFile === undefined || type.fizzle <= 0 || serviceSince === undefined) return undefined;
  const judgedFrom = later(instant(Math.max(m.startedAt, serviceSince)), type.fizzle);
  if (m.heartbeatFileAt === undefined) {
    if (now > judgedFrom) return 'heartbeat-missing';
    alarm.after(judgedFrom);
    return undefined;
  }
  if (type.heartbeat <= 0) return undefined;
  const due = instant(Math.max(judgedFrom, later(instant(Math.max(m.heartbeatFileAt, serviceSince)), type.heartbeat)));
  if (now > due) return 'heartbeat-old';
  alarm.after(due);
  return undefined;
}
