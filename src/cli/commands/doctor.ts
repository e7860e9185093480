import type { Command } from 'commander';
import { hostReport } from '../../providers/qemu/doctor.ts';
import { tools } from '../../providers/qemu/tools.ts';
import { type CliContext, print, printJson } from '../context.ts';
import { ownFindings } from '../doctor.ts';
import { doctorView } from '../views/doctor.ts';

/** Findings of the QEMU provider that only make machines slower or narrower. */
const optional = new Set(['kvm', 'namespaces', ...tools.filter((tool) => tool.for !== 'always').map((tool) => tool.command)]);

export function register(program: Command, context: CliContext): void {
  program
    .command('doctor')
    .description('Say what this host lacks for a factory with QEMU machines, and how to get it. Ends with 1 when something is missing.')
    .option('--json', 'print the findings as data')
    .action(async (options: { json?: true }) => {
      const provider = (await hostReport()).map((finding) => ({ ...finding, required: !optional.has(finding.name) }));
      const findings = [...(await ownFindings(context)), ...provider];
      if (options.json) printJson(context.stdout, { findings });
      else for (const line of doctorView(findings, context.width, context.colour)) print(context.stdout, line);
      if (findings.some((f) => !f.ok && f.required)) context.exit(1);
    });
}
