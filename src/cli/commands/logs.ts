import { setTimeout as pause } from 'node:timers/promises';
import { InvalidArgumentError, type Command } from 'commander';
import { layout } from '../../factory/layout.ts';
import { CliError, type CliContext, print } from '../context.ts';
import { LogReader } from '../log-reader.ts';
import { printableJson } from '../text.ts';
import { isAbout, logLine, readLogLine } from '../views/log-line.ts';

const pollMs = 500;

export function register(program: Command, context: CliContext): void {
  program
    .command('logs')
    .description('Print the log of the factory, or what it says of one machine. Works without a running factory.')
    .argument('[machine]', 'name, name without domain, or the first characters of its id')
    .option('-n, --lines <count>', 'the last lines only', wholeNumber, 100)
    .option('-f, --follow', 'go on until Ctrl-C')
    .option('--json', 'print the lines as they are in the file')
    .action(async (machine: string | undefined, options: { lines: number; follow?: true; json?: true }) => {
      const path = layout(context.stateDir).log;
      using reader = new LogReader(path);
      const wanted = (line: string): boolean => {
        const record = readLogLine(line);
        return record !== undefined && (machine === undefined || isAbout(record, machine));
      };
      const show = (line: string): void => print(context.stdout, options.json ? printableJson(line) : logLine(readLogLine(line) ?? {}, context.colour));
      if (!reader.exists) throw new CliError(3, `there is no log at ${path}`, `Start a factory with \`vacua factory --state-dir ${context.stateDir}\`.`);
      for (const line of reader.last(options.lines, wanted)) show(line);
      if (!options.follow) return;
      const { signal } = context;
      const quiet = (): void => undefined;
      while (!signal.aborted) {
        for (const line of reader.news()) if (wanted(line)) show(line);
        await pause(pollMs, undefined, { signal }).catch(quiet); // an abort is the end that was asked for
      }
    });
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}
