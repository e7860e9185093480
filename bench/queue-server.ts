import { once } from 'node:events';
import { classadMeets } from '../src/core/jobs/agent-ad.ts';
import { openStore } from '../src/queue/store/open-store.ts';
import { takeJobs } from './queue-jobs.ts';

/** One of several queue servers on one database, in a process of its own: `queue-server.ts URL JOBS AGENTS FIRST`. Begins when it is told. */
const [url = '', jobs, agents, first] = process.argv.slice(2);
const store = await openStore(url, { meets: classadMeets() });
await takeJobs(store, 100, 1, Number(first) + Number(jobs));
process.send?.('ready');
await once(process, 'message');
process.send?.(await takeJobs(store, Number(jobs), Number(agents), Number(first)));
await store.close();
process.disconnect();
