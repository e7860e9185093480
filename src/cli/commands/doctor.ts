import type { Command } from 'commander';
import type { Configuration } from '../../core/settings.ts';
import { hostReport } from '../../providers/qemu/doctor.ts';
import { tools } from '../../providers/qemu/tools.ts';
import { type CliContext, print, printJson } from '../context.ts';
import { type Finding, ownFindings } from '../doctor.ts';
import { configuration } from '../space-source.ts';
import { doctorView } from '../views/doctor.ts';

/** Findings of the QEMU provider that only make machines slower or narrower. */
const optional = new Set(['kvm', 'namespaces', ...tools.filter((tool) => tool.for !== 'always').map((tool) => tool.command)]);

export function register(program: Command, context: CliContext): void {
  program
    .command('doctor')
    .description('Say what this host lacks for a factory with QEMU machines, and how to get it. Ends with 1 when something is missing.')
    .option('--json', 'print the findings as data')
    .action(async (options: { json?: true }) => {
      const known = await configuration(context).catch(() => undefined); // `ownFindings` says what is wrong with it
      // Without machines of its own a host needs nothing of a hypervisor.
      const host = known?.host === false ? [] : await hostReport();
      const provider = host.map((finding) => ({ ...finding, required: !optional.has(finding.name) }));
      const findings = [...(await ownFindings(context)), ...provider, ...spaceFindings(known)];
      if (options.json) printJson(context.stdout, { findings });
      else for (const line of doctorView(findings, context.width, context.colour)) print(context.stdout, line);
      if (findings.some((f) => !f.ok && f.required)) context.exit(1);
    });
}

/** What can be said of clouds without asking them. */
const spaceFindings = (known: Configuration | undefined): readonly Finding[] =>
  [...(known?.spaces?.keys() ?? [])].map((space) => ({
    name: `space ${space}`,
    required: false,
    ok: true,
    text: 'configured; vacua check --online asks its cloud',
  }));
