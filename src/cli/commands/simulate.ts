import { readFile, writeFile } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import type { Command } from 'commander';
import { problemLine } from '../../core/config/problem.ts';
import { seconds } from '../../core/units.ts';
import { reportHtml } from '../../sim/report/html.ts';
import { readScenario } from '../../sim/scenario/read.ts';
import type { Scenario } from '../../sim/scenario/types.ts';
import { durationOf } from '../../sim/scenario/value-types.ts';
import { type Simulated, simulation } from '../../sim/simulate.ts';
import { summaryOf } from '../../sim/summary.ts';
import { summaryLines, tenantColumns, tenantRows, time } from '../../sim/summary-text.ts';
import { CliError, type CliContext, print, printJson } from '../context.ts';
import { table } from '../table.ts';
import { printable } from '../text.ts';

interface SimulateOptions {
  readonly report?: string;
  readonly json?: boolean;
  readonly seed?: string;
  readonly until?: string;
}

export function register(program: Command, context: CliContext): void {
  program
    .command('simulate')
    .description('Run a space of factories on a fake clock and say what came of it.')
    .argument('<scenario>', 'a scenario such as examples/scenarios/tier2.conf; docs/simulator.md lists the options')
    .option('--report <file>', 'write a page with plots')
    .option('--seed <number>', 'another course of chance than the scenario names')
    .option('--until <duration>', 'end sooner or later than the scenario says: 90s, 30min, 12h')
    .option('--json', 'print the summary as JSON')
    .action(async (file: string, options: SimulateOptions) => {
      const scenario = changed(await read(file, context), options);
      const began = performance.now();
      const simulated = await run(scenario, context);
      const took = (performance.now() - began) / 1000;
      const summary = summaryOf(simulated);
      if (options.report !== undefined) await write(options.report, reportHtml(simulated, summary));
      if (options.json) return printJson(context.stdout, summary);
      for (const line of [...summaryLines(summary), '', ...table(tenantRows(summary), tenantColumns, context.width, context.colour)])
        print(context.stdout, line);
      const speed = `${Math.round(simulated.decisions / Math.max(took, 0.001))} decisions per second`;
      print(
        context.stderr,
        `simulated ${time(scenario.duration)} in ${took.toFixed(1)} s, ${speed}${options.report === undefined ? '' : `; report: ${options.report}`}`,
      );
    });
}

async function read(file: string, context: CliContext): Promise<Scenario> {
  let content: Buffer;
  try {
    content = await readFile(file);
  } catch (cause) {
    throw new CliError(2, `${file} cannot be read: ${(cause as Error).message}`, 'examples/scenarios has some to begin with.', cause);
  }
  const { scenario, problems } = readScenario(file, content);
  const lines = problems.map((problem) => printable(problemLine(problem)));
  if (scenario === undefined) throw new CliError(2, `${file} is no usable scenario`, [...lines, 'docs/simulator.md lists the options.'].join('\n'));
  for (const line of lines) print(context.stderr, line);
  return scenario;
}

function changed(scenario: Scenario, { seed, until }: SimulateOptions): Scenario {
  if (seed !== undefined && !/^\d{1,15}$/.test(seed)) throw new CliError(2, `--seed ${seed} is not a whole number`, 'Write a number such as --seed 7.');
  const duration = until === undefined ? undefined : durationOf(until);
  if (until !== undefined && (duration === undefined || duration < 1))
    throw new CliError(2, `--until ${until} is not a duration`, 'Write --until 90s, 30min or 12h.');
  return { ...scenario, ...(seed !== undefined && { seed: Number(seed) }), ...(duration !== undefined && { duration: seconds(duration) }) };
}

async function write(file: string, html: string): Promise<void> {
  try {
    await writeFile(file, html);
  } catch (cause) {
    throw new CliError(2, `${file} cannot be written: ${(cause as Error).message}`, 'Name a file in a directory that you may write to.', cause);
  }
}

/** Stops when a person wants it; progress on a terminal, nothing elsewhere. */
async function run(scenario: Scenario, { stderr, isTerminal, signal }: CliContext): Promise<Simulated> {
  const steps = simulation(scenario);
  let told = -1;
  for (let step = steps.next(); ; step = steps.next()) {
    if (isTerminal && (step.done || Math.floor(step.value.done * 100) !== told)) {
      told = step.done ? 100 : Math.floor(step.value.done * 100);
      stderr.write(step.done ? '\r\x1b[K' : `\rsimulating: ${told} %`);
    }
    if (step.done) return step.value;
    await setImmediate();
    if (signal.aborted) throw new CliError(1, 'stopped before the end', 'A shorter time is simulated with --until 2h.');
  }
}
