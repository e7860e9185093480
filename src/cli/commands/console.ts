import { setTimeout as pause } from 'node:timers/promises';
import type { Command } from 'commander';
import { isLive } from '../../core/machine.ts';
import { type CliContext } from '../context.ts';
import { findMachine } from '../find-machine.ts';
import { newPart } from '../follow.ts';
import { printableLines } from '../text.ts';

const pollMs = 1000;

export function register(program: Command, context: CliContext): void {
  program
    .command('console')
    .description('Print the serial console of a machine. What it wrote is made printable.')
    .argument('<machine>', 'name, name without domain, or the first characters of its id')
    .option('-f, --follow', 'go on until the machine ends or Ctrl-C')
    .option('--raw', 'the bytes as the machine wrote them, escape sequences included')
    .action(async (wanted: string, options: { follow?: true; raw?: true }) => {
      const daemon = context.daemon();
      const { id } = findMachine(await daemon.machines(), wanted);
      const decoder = new TextDecoder();
      let before: Uint8Array = new Uint8Array();
      const show = async (): Promise<void> => {
        const now = await daemon.console(id);
        const news = newPart(before, now);
        before = now;
        if (news.length > 0) context.stdout.write(options.raw ? news : printableLines(decoder.decode(news, { stream: true })));
      };
      await show();
      if (!options.follow) return;
      const { signal } = context;
      const quiet = (): void => undefined;
      const lives = async (): Promise<boolean> => (await daemon.machines()).some((m) => m.id === id && isLive(m));
      while (!signal.aborted && (await lives())) {
        await pause(pollMs, undefined, { signal }).catch(quiet); // an abort is the end that was asked for
        await show();
      }
    });
}
