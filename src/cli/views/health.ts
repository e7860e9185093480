import { elapsed, type Instant } from '../../core/units.ts';
import type { Decision } from '../../core/decision.ts';
import { unlimitedProcessors } from '../../core/machinetype.ts';
import { isLive, type Machine } from '../../core/machine.ts';
import type { Observed } from '../../core/observed.ts';
import type { ConfigurationAnswer } from '../../factory/control/client.ts';
import type { FactoryStatus } from '../../factory/view.ts';
import { printable } from '../text.ts';
import { durationText, relative } from '../time-text.ts';

export interface HealthFacts {
  readonly status: FactoryStatus;
  readonly machines: readonly Machine[];
  /** Undefined before the first turn. */
  readonly turn: { readonly observed: Observed; readonly decision: Decision } | undefined;
  readonly configuration: ConfigurationAnswer;
  readonly now: Instant;
  /** Seconds that the last turn may lie back. */
  readonly limit: number;
}

/** Status of a Nagios plugin: 0 ok, 1 warning, 2 critical; one line. */
export interface Health {
  readonly code: 0 | 1 | 2;
  readonly line: string;
}

/** The first critical fault, else the first warning, else ok; with the counts (spec/factory.md §19). */
export function health(facts: HealthFacts): Health {
  const { status, machines } = facts;
  const running = machines.filter((m) => m.state === 'running').length;
  const limit = status.totalProcessors >= unlimitedProcessors ? '-' : status.totalProcessors;
  const counts = ` (${running}/${status.cloud ? '-' : status.slots} ${status.usedProcessors}/${limit})`;
  const critical = criticalFault(facts);
  if (critical !== undefined) return { code: 2, line: printable(`CRITICAL: ${critical}${counts}`) };
  const warning = warningOf(facts);
  if (warning !== undefined) return { code: 1, line: printable(`WARNING: ${warning}${counts}`) };
  return { code: 0, line: printable(`ok: last turn ${relative(status.lastTurnAt ?? status.startedAt, facts.now)}${counts}`) };
}

function criticalFault({ status, turn, configuration, now, limit, machines }: HealthFacts): string | undefined {
  if (status.cloud?.trouble) return `its cloud cannot be reached: ${status.cloud.trouble.why}`;
  const silent = elapsed(status.lastTurnAt ?? status.startedAt, now);
  if (silent > limit) return `the last turn ended ${durationText(silent)} ago, more than ${durationText(limit)}`;
  if (status.journalFault !== undefined) return `the journal cannot be written: ${status.journalFault}`;
  if (configuration.digest === undefined) return 'no configuration has been valid yet; see vacua check';
  if (turn === undefined) return undefined;
  const { observed, decision } = turn;
  if (observed.listing.state === 'unknown') return `the provider has not answered since ${relative(observed.listing.since, now)}: ${observed.listing.why}`;
  if (machines.some(isLive) && observed.guestServiceSince === undefined) return 'the guest service does not answer machines';
  const { veto } = decision.reasons;
  if (veto?.why === 'black_hole')
    return `the last ${veto.failures} machines failed here (${veto.machinetypes.join(', ')}), the last with "${veto.message}"; see vacua why`;
  for (const { machinetype, verdict } of decision.reasons.machinetypes) {
    if (verdict.why === 'creation_failing')
      return `creating ${machinetype} has failed ${verdict.count === 1 ? 'once' : `${verdict.count} times`}: ${verdict.text}`;
  }
  return undefined;
}

function warningOf({ status, turn, configuration, now }: HealthFacts): string | undefined {
  const veto = turn?.decision.reasons.veto;
  if (veto?.why === 'disk') return `only ${megabytes(veto.freeBytes)} are free in ${status.stateDir}, ${megabytes(veto.neededBytes)} are needed for a machine`;
  const problem = configuration.problems.find((p) => p.severity === 'error');
  if (problem !== undefined) return `the configuration has errors: ${problem.file}:${problem.line}: ${problem.text}`;
  const pipe = configuration.pipes.find((p) => p.failure !== undefined);
  if (pipe !== undefined) {
    const age = pipe.fetchedAt === undefined ? 'there is no copy' : `the copy is of ${relative(pipe.fetchedAt, now)}`;
    return `vacuum pipe ${pipe.prefix} cannot be fetched, ${age}: ${pipe.failure}`;
  }
  if (turn === undefined) return 'the first turn has not ended yet';
  const waiting = turn.decision.reasons.machinetypes.find((m) => m.verdict.why === 'not_ready');
  if (waiting?.verdict.why === 'not_ready') return `${waiting.machinetype} is not ready: ${waiting.verdict.text}`;
  return undefined;
}

const megabytes = (bytes: number): string => `${Math.floor(bytes / 1024 ** 2)} MiB`;
