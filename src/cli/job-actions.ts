import type { Command } from 'commander';
import type { JobAction } from '../queue/store.ts';
import { type CliContext, print, printJson } from './context.ts';
import { asking, queueClient, type QueueOptions } from './queue-access.ts';
import { printable } from './text.ts';

/** What a person does with jobs by their ids, and the word for a job of which it has been done. Files are given by `submit`, and so `start` is not among them. */
const actions: Readonly<Record<Exclude<JobAction, 'start'>, { readonly description: string; readonly done: string }>> = {
  cancel: { description: 'Cancel jobs. One that runs is stopped by its agent within a third of its lease.', done: 'cancelled' },
  pause: { description: 'Hold jobs back that no machine has yet.', done: 'paused' },
  resume: { description: 'Let paused jobs wait for a machine again.', done: 'resumed' },
  restart: { description: 'Run jobs again that have failed or were cancelled, with the input files that they have.', done: 'restarted' },
  wipe: { description: 'Remove jobs that have ended, with their files and their history.', done: 'wiped' },
};

/** `vacua job cancel|pause|resume|restart|wipe JOB…`; the status is 1 when one of the jobs refuses. */
export function registerActions(command: (name: string) => Command, context: CliContext): void {
  for (const [name, { description, done }] of Object.entries(actions)) {
    command(name)
      .description(description)
      .argument('<job...>', 'ids')
      .option('--json', 'print JSON')
      .action(async (ids: string[], options: QueueOptions & { json?: true }) => {
        const answer = await asking(queueClient(context, options).actAll(ids, name as JobAction));
        if (answer.refused.length > 0) context.exit(1);
        if (options.json) return printJson(context.stdout, answer);
        for (const id of answer.done) print(context.stdout, `${printable(id)} ${done}`);
        for (const { id, detail } of answer.refused) print(context.stderr, printable(`vacua: ${detail.includes(id) ? '' : `${id}: `}${detail}`));
      });
  }
}
