import type { Command } from 'commander';
import type { CliContext } from './context.ts';

/** A command's module: adds one subcommand to the program. */
export interface CommandModule {
  register(program: Command, context: CliContext): void;
}
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  /** Works on a state directory: the configuration is asked for it when nobody names one, and `context.daemon()` can be used. */
  readonly onState?: true;
  readonly load: () => Promise<CommandModule>;
}

/**
 * All commands in the order of the help. Modules are imported only when their command is used, so that `vacua --help` loads
 * nothing but this table.
 */
export const commands: readonly CommandEntry[] = [
  { name: 'demo', summary: 'see a factory fill this host, in three minutes', load: () => import('./commands/demo.ts') },
  { name: 'init', summary: 'write a commented configuration file', load: () => import('./commands/init.ts') },
  { name: 'check', summary: 'print the problems of the configuration', load: () => import('./commands/check.ts') },
  { name: 'plan', summary: 'say what a changed configuration would do', onState: true, load: () => import('./commands/plan.ts') },
  { name: 'doctor', summary: 'say what this host lacks and how to get it', onState: true, load: () => import('./commands/doctor.ts') },
  { name: 'factory', summary: 'run the factory of this host, in the foreground', load: () => import('./commands/factory.ts') },
  { name: 'machines', summary: 'list the machines of this factory, or of the space', onState: true, load: () => import('./commands/machines.ts') },
  { name: 'machinetypes', summary: 'list machinetypes with shares, machines and last ends', onState: true, load: () => import('./commands/machinetypes.ts') },
  { name: 'machinetype', summary: 'list what each factory runs of one machinetype', onState: true, load: () => import('./commands/machinetype.ts') },
  { name: 'factories', summary: 'list all factories of the space, and who is silent', onState: true, load: () => import('./commands/factories.ts') },
  { name: 'shares', summary: 'compare what machinetypes have of the space with their targets', onState: true, load: () => import('./commands/shares.ts') },
  { name: 'top', summary: 'show the whole space live', onState: true, load: () => import('./commands/top.ts') },
  { name: 'why', summary: 'say why machines were or were not started', onState: true, load: () => import('./commands/why.ts') },
  { name: 'logs', summary: 'print the log of the factory, or of one machine', onState: true, load: () => import('./commands/logs.ts') },
  { name: 'console', summary: 'print the serial console of a machine', onState: true, load: () => import('./commands/console.ts') },
  { name: 'outputs', summary: 'list or print the files that a machine has stored', onState: true, load: () => import('./commands/outputs.ts') },
  {
    name: 'accounting',
    summary: 'sum up what machines have used, or print the records for APEL',
    onState: true,
    load: () => import('./commands/accounting.ts'),
  },
  { name: 'drain', summary: 'stop or resume starting machines', onState: true, load: () => import('./commands/drain.ts') },
  { name: 'hold', summary: 'keep a machine for debugging', onState: true, load: () => import('./commands/hold.ts') },
  { name: 'destroy', summary: 'end a machine', onState: true, load: () => import('./commands/destroy.ts') },
  { name: 'health', summary: 'check for Nagios: one line, status 0, 1 or 2', onState: true, load: () => import('./commands/health.ts') },
  { name: 'queue', summary: "serve a tenant's task queue", load: () => import('./commands/queue.ts') },
  { name: 'job', summary: 'submit jobs to a queue and look after them', load: () => import('./commands/job.ts') },
  { name: 'snapshot', summary: 'write what the factory knows, for decide', onState: true, load: () => import('./commands/snapshot.ts') },
  { name: 'decide', summary: 'print the decision for a situation', load: () => import('./commands/decide.ts') },
  { name: 'simulate', summary: 'run a whole space of factories on a fake clock', load: () => import('./commands/simulate.ts') },
  { name: 'cernvm-signature', summary: 'verify the signature of a CernVM image', load: () => import('./commands/cernvm-signature.ts') },
];
