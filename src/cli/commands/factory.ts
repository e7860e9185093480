import { type Command, Option } from 'commander';
import type { Rule } from '../../core/decision.ts';
import { type LogLevel, logLevels } from '../../factory/log.ts';
import { type CliContext, print } from '../context.ts';
import { logLine, readLogLine } from '../views/log-line.ts';

export function register(program: Command, context: CliContext): void {
  program
    .command('factory')
    .description('Run the factory of this host in the foreground until SIGINT or SIGTERM. Machines run on when it ends, and are found again.')
    .addOption(new Option('--rule <rule>', 'how to choose: vacua, or exactly as Vac 3.1').choices(['vacua', 'vac31']).default('vacua'))
    .addOption(new Option('--log-level <level>', 'least level that is logged').choices(logLevels).default('info'))
    .action(async (options: { rule: Rule; logLevel: LogLevel }) => {
      const { runFactory } = await import('../../factory/daemon.ts');
      const { stdout, isTerminal, colour, stateDirGiven } = context;
      const code = await runFactory({
        files: context.configFiles,
        ...(stateDirGiven === undefined ? {} : { stateDir: stateDirGiven }),
        rule: options.rule,
        logLevel: options.logLevel,
        // Lines for people on a terminal; JSON for whoever collects the output of a service.
        log: { write: (line) => void (isTerminal ? print(stdout, logLine(readLogLine(line) ?? {}, colour)) : stdout.write(line)) },
        say: (line) => print(context.stderr, `vacua: ${line}`),
        signal: context.signal,
      });
      context.exit(code);
    });
}
