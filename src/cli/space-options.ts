import { type Command, InvalidArgumentError } from 'commander';

/** Adds the options of every command that asks the whole space. */
export const withSpaceOptions = (command: Command): Command =>
  command
    .option('--space <name>', 'this space alone, where the daemon here has several; else ask its factories from this process')
    .option('--port <port>', 'UDP port on which they answer (default: vacquery_port, else 995)', portNumber)
    .option('-t, --timeout <seconds>', 'time in which they may answer (default: 2, more for the machines of many factories)', timeout);

function portNumber(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw new InvalidArgumentError('It must be a whole number from 1 to 65535.');
  return port;
}

function timeout(text: string): number {
  const seconds = /^\d{1,2}(\.\d{1,3})?$/.test(text) ? Number(text) : 0;
  if (seconds <= 0 || seconds > 60) throw new InvalidArgumentError('It must be seconds above 0, up to 60.');
  return seconds;
}
