import type { Command } from 'commander';
import { type CliContext, print, printJson } from '../context.ts';
import { printable } from '../text.ts';

export function register(program: Command, context: CliContext): void {
  program
    .command('cernvm-signature')
    .description('Verify the signature of a CernVM image and print the signer and the version. Ends with 1 when it does not hold.')
    .argument('<file>', 'the image')
    .option('--ca-dir <dir>', 'certificates of the authorities to trust', '/etc/grid-security/certificates')
    .option('--json', 'print JSON')
    .action(async (file: string, options: { caDir: string; json?: true }) => {
      const { cernvmSignature } = await import('../../factory/images/cernvm-signature.ts');
      const { ok, lines } = await cernvmSignature(file, options.caDir, new Date(context.now()));
      if (options.json) printJson(context.stdout, { ok, lines });
      else for (const line of lines) print(context.stdout, printable(line));
      if (!ok) context.exit(1);
    });
}
