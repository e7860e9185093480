import type { JobState } from '../../core/jobs/job.ts';

export interface Figures {
  readonly jobs: ReadonlyMap<string, Readonly<Record<JobState, number>>>;
  readonly waitingAgents: number;
}

/** Text for Prometheus. Names of tenants have no character that needs escaping. */
export function metricsText({ jobs, waitingAgents }: Figures): string {
  const lines = ['# HELP vacua_queue_jobs Jobs by tenant and state.', '# TYPE vacua_queue_jobs gauge'];
  for (const [tenant, counts] of jobs) {
    for (const [state, n] of Object.entries(counts)) lines.push(`vacua_queue_jobs{tenant="${tenant}",state="${state}"} ${n}`);
  }
  lines.push('# HELP vacua_queue_waiting_agents Agents that wait for a job at this server.', '# TYPE vacua_queue_waiting_agents gauge');
  lines.push(`vacua_queue_waiting_agents ${waitingAgents}`);
  return `${lines.join('\n')}\n`;
}
