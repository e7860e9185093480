import type { Context } from 'hono';
import type { Job, JobId } from '../../core/jobs/job.ts';
import type { User } from '../auth/users.ts';
import { Refusal } from '../refusal.ts';
import { type Deps, userOf } from './route.ts';

/** Owner or administrator (spec/environments.md §6.3). A member who has left a tenant sees its jobs no more. */
export const maySee = (user: User, { spec }: Pick<Job, 'spec'>): boolean => user.administrator || (spec.owner === user.owner && user.tenants.has(spec.tenant));

/** A job of the user who asks. Another's job does not exist for them. */
export async function ownJob(c: Context, deps: Deps): Promise<{ readonly user: User; readonly job: Job }> {
  const user = await userOf(c, deps);
  return { user, job: await jobOf(deps, user, c.req.param('id') ?? '') };
}

export async function jobOf({ store }: Deps, user: User, id: string): Promise<Job> {
  const job = /^[a-z0-9]{20}$/.test(id) ? await store.job(id as JobId) : undefined;
  if (job === undefined || !maySee(user, job)) throw new Refusal('not_found', `there is no job ${JSON.stringify(id.slice(0, 40))} of yours`);
  return job;
}

/** The tenant that a user acts for: the one named, or the only one. */
export function tenantOf(user: User, named: string | undefined): string {
  const list = [...user.tenants].sort();
  if (named !== undefined) {
    if (user.tenants.has(named)) return named;
    throw new Refusal('forbidden', `you are no member of the tenant ${JSON.stringify(named.slice(0, 80))}; you are of: ${list.join(', ') || 'none'}`);
  }
  const [only, another] = list;
  if (only === undefined)
    throw new Refusal('forbidden', 'you are no member of a tenant of this queue; ask its administrator, or make one with: vacua queue key TENANT');
  if (another !== undefined) throw new Refusal('bad_request', `you are a member of several tenants; name one of them with tenant=: ${list.join(', ')}`);
  return only;
}
