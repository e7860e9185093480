import { readFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import type { Rule } from '../../core/decision.ts';
import { decideFile, decideSituation, hasCases, SituationError } from '../../core/situation/situation.ts';
import { CliError, type CliContext, printJson } from '../context.ts';

export function register(program: Command, context: CliContext): void {
  program
    .command('decide')
    .description('Print as JSON what a factory decides in a situation, with reasons. A file with `cases` is answered case by case.')
    .argument('<file>', 'a situation, for instance from `vacua snapshot`; - reads standard input')
    .addOption(new Option('--rule <rule>', 'how to choose: vacua, or exactly as Vac 3.1').choices(['vacua', 'vac31']).default('vacua'))
    .option('--json', 'the only form; accepted everywhere')
    .action(async (file: string, { rule }: { rule: Rule }) => {
      const json = await read(file);
      try {
        if (!hasCases(json)) return printJson(context.stdout, decideSituation(json, rule));
        const answer = decideFile(json, rule);
        printJson(context.stdout, answer);
        if (answer.cases.some((c) => 'problems' in c)) context.exit(2);
      } catch (error) {
        if (!(error instanceof SituationError)) throw error;
        throw new CliError(2, `${file} is not a situation`, [...error.problems.map((p) => `  ${p}`), 'docs/cli.md says what it looks like.'].join('\n'), error);
      }
    });
}

async function read(file: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(file === '-' ? '/dev/stdin' : file, 'utf8');
  } catch (cause) {
    throw new CliError(2, `${file} cannot be read: ${(cause as Error).message}`, 'Name a file that `vacua snapshot` has written.', cause);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CliError(2, `${file} is not JSON: ${(cause as Error).message}`, 'Name a file that `vacua snapshot` has written.', cause);
  }
}
