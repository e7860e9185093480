import type { Context } from 'hono';
import type { SiteFactory, SiteView } from '../site-view.ts';
import { type Deps, Refusal } from './route.ts';

/** `?space=` of routes that speak of all spaces, and of those that speak of one. */
export const narrowed = { name: 'space', description: 'of this space alone. Default: of all spaces of the daemon' } as const;
export const single = { name: 'space', description: "of this space. Default: the host's own, else the first" } as const;

/** Whether a host without clouds would be described wrongly by leaving the names of spaces out. */
export const hasClouds = (site: SiteView): boolean => site.factories().some(({ view }, i) => i > 0 || view.status().cloud !== undefined);

/** The factories that a request is about. */
export function chosen(c: Context, { site }: Pick<Deps, 'site'>): readonly SiteFactory[] {
  const space = c.req.query('space');
  const all = site.factories();
  if (space === undefined) return all;
  const found = all.filter((f) => f.space === space);
  if (found.length > 0) return found;
  const unserved = site.unserved().find((u) => u.space === space);
  if (unserved) throw new Refusal('unknown_space', `space ${space.slice(0, 255)} is not served: ${unserved.why}`);
  throw new Refusal('unknown_space', `there is no space "${space.slice(0, 80)}" here; there are: ${all.map((f) => f.space).join(', ') || 'none'}`);
}

/** The factory that a request is about, where it can only be one. */
export function one(c: Context, deps: Pick<Deps, 'site'>): SiteFactory {
  const [first] = chosen(c, deps);
  if (first) return first;
  const why = deps.site.unserved().map((u) => `${u.space}: ${u.why}`);
  throw new Refusal('no_factory', `there is no factory here: ${why.join('; ') || 'the configuration has no space'}`);
}
