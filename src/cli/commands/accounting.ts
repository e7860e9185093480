import { type Command, Option } from 'commander';
import { cloudHeader, cloudRecord, jobHeader, jobRecord, messages, type RecordText } from '../../core/cloud/accounting.ts';
import type { UsageRecord } from '../../core/machine.ts';
import { type Instant, instant } from '../../core/units.ts';
import { Usage } from '../../factory/control/answers.ts';
import { encode } from '../../factory/control/codec.ts';
import { CliError, type CliContext, print, printJson } from '../context.ts';
import { meantSpaces, spaceOption } from '../spaces.ts';
import { table } from '../table.ts';
import { printable } from '../text.ts';
import { usageRows } from '../views/usage.ts';

interface Options {
  readonly space?: string;
  readonly since?: string;
  readonly until?: string;
  readonly apel?: 'job' | 'cloud';
  readonly benchmarkMap: 'yes' | 'no';
  readonly json?: true;
}

export function register(program: Command, context: CliContext): void {
  program
    .command('accounting')
    .description('Sum up what machines that have ended used, by space and machinetype; or print their records in the format of APEL.')
    .option(...spaceOption)
    .option('--since <date>', 'ends from then on: 2026-11-01, or with a time, 2026-11-01T12:00:00Z')
    .option('--until <date>', 'ends before then')
    .addOption(
      new Option('--apel <kind>', 'records instead of sums: job records of hosts and of spaces with accounting = job, or cloud records of the others').choices([
        'job',
        'cloud',
      ]),
    )
    .addOption(new Option('--benchmark-map <word>', 'no: job records of version 0.3, for older servers').choices(['yes', 'no']).default('yes'))
    .option('--json', 'print the usage records as the control API answers them')
    .action(async (options: Options) => {
      const [since, until] = [at('--since', options.since), at('--until', options.until)];
      await meantSpaces(context, options.space);
      const daemon = options.space === undefined ? context.daemon() : context.daemon().of(options.space);
      const usage = (await daemon.usage()).filter((u) => (since === undefined || u.endedAt >= since) && (until === undefined || u.endedAt < until));
      if (options.json) return printJson(context.stdout, encode(Usage, { usage }));
      if (options.apel !== undefined) return printRecords(context, usage, options.apel, options.benchmarkMap === 'yes' ? 'v0.4' : 'v0.3');
      if (usage.length === 0) return print(context.stdout, 'no machine has ended in that time');
      const columns = [
        { title: 'SPACE', shrinkTo: 12 },
        { title: 'MACHINETYPE', shrinkTo: 8 },
        ...['MACHINES', 'WALL HOURS', 'PROCESSOR HOURS', 'CPU HOURS', 'EFFICIENCY'].map((title) => ({ title, align: 'right' as const })),
      ];
      for (const line of table(usageRows(usage), columns, context.width, context.colour)) print(context.stdout, line);
    });
}

function at(option: string, text: string | undefined): Instant | undefined {
  if (text === undefined) return undefined;
  const time = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?Z?)?$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) throw new CliError(2, `${option} ${printable(text)} is not a date`, 'Valid: 2026-11-01, or with a time, 2026-11-01T12:00:00Z.');
  return instant(time);
}

/** Each machine stands in the records of one kind alone (spec/accounting.md §5.2). What APEL would refuse is left out and told. */
function printRecords(context: CliContext, usage: readonly UsageRecord[], kind: 'job' | 'cloud', version: 'v0.3' | 'v0.4'): void {
  const now = context.now();
  const records: string[] = [];
  let refused = 0;
  for (const u of usage.filter((one) => (one.cloud?.accounting ?? 'job') === kind)) {
    const text: RecordText =
      kind === 'job' ? jobRecord(u, { now, version, submitHost: `${u.space}/vacua-${u.factory}` }) : cloudRecord(u, { now, status: 'completed' });
    if ('record' in text) records.push(text.record);
    else {
      refused += 1;
      print(context.stderr, `vacua: ${printable(u.name)} (${u.id}): ${text.refused}`);
    }
  }
  for (const message of messages(kind === 'job' ? jobHeader({ version }) : cloudHeader, records)) context.stdout.write(message);
  if (refused > 0) context.exit(1);
  else if (records.length === 0) print(context.stderr, `vacua: no ${kind} records in that time`);
}
