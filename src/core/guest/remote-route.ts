import { type GuestFacts, type GuestRequest, type Route, routeGuestRequest } from './route.ts';

/** spec/cloud.md §6.1, project rule: shorter than on a host. */
const isOutputName = (name: string): boolean => /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$/.test(name);
const part = String.raw`[A-Za-z0-9._-]{1,255}`;
const machinePath = new RegExp(`^/+machines/+(${part})/+(${part})/+(?:([A-Za-z0-9_-]{32})/+)?((?:machinefeatures|jobfeatures|joboutputs)(?:/.*)?)$`, 's');
const listPath = new RegExp(`^/+heartbeatlists/+(${part})/+(${part})/*$`);

/** Which machine a request from far away is about, and what it asks of it. Nothing is proved by that: the token has to be checked. */
export type RemoteTarget =
  | { readonly about: 'machine'; readonly space: string; readonly name: string /** From the path. */; readonly token?: string; readonly target: string }
  | { readonly about: 'heartbeats'; readonly space: string; readonly machinetype: string };

/**
 * `/machines/SPACE/NAME/TOKEN/joboutputs/FILE`, or without the token where it comes in a header; `/heartbeatlists/SPACE/TYPE`
 * (spec/cloud.md §6.1). Undefined: no such path. The query is ignored, nothing is percent-decoded: no name that exists needs it.
 */
export function readRemoteTarget(target: string): RemoteTarget | undefined {
  const path = target.replace(/^https?:\/\/[^/?#]*/i, '').replace(/[?#].*$/s, '');
  const list = listPath.exec(path);
  if (list) return { about: 'heartbeats', space: list[1] ?? '', machinetype: list[2] ?? '' };
  const machine = machinePath.exec(path);
  if (!machine) return undefined;
  const [, space = '', name = '', token, rest = ''] = machine;
  return { about: 'machine', space, name, ...(token !== undefined && { token }), target: `/${rest.replaceAll(/\/+/g, '/')}` };
}

/** What a machine far away may have of it: Machine/Job Features, and its own job outputs both ways. Its other metadata are the cloud's. */
export function routeRemoteRequest(request: GuestRequest, facts: GuestFacts): Route {
  const [, first, name, ...more] = request.target.split('/');
  if (first !== 'joboutputs') return routeGuestRequest(request, facts);
  if (!['GET', 'HEAD', 'PUT'].includes(request.method)) return { kind: 'refused', status: 501 };
  if (name === undefined || more.length > 0 || !isOutputName(name)) return { kind: 'refused', status: request.method === 'PUT' ? 403 : 404 };
  return { kind: request.method === 'PUT' ? 'store' : 'output', name };
}
