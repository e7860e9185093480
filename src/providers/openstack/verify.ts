import { readFile } from 'node:fs/promises';
import type { CloudOffer, Flavor } from '../../core/cloud/offer.ts';
import type { OpenStackApi } from '../../core/cloud/settings.ts';
import type { Machinetype } from '../../core/machinetype.ts';
import { type Finding, ProviderError } from '../contract.ts';
import type { Images } from './images.ts';
import { oneLine } from '../cloud/one-line.ts';
import type { Resources } from './resources.ts';
import type { Session } from './session.ts';

export interface VerifyParts {
  readonly api: OpenStackApi;
  readonly session: Session;
  readonly resources: Resources;
  readonly images: Images;
  readonly limits: (signal: AbortSignal) => Promise<CloudOffer>;
}

/** What a check says: the text of a good finding, or that something is wrong. */
type Result = string | { readonly wrong: string };

/** Looks at everything that a machine of these machinetypes will need, and changes nothing. Without credentials there is nothing more to see. */
export async function* verify(machinetypes: readonly Machinetype[], parts: VerifyParts, signal: AbortSignal): AsyncGenerator<Finding> {
  const { api, session, resources, images } = parts;
  const signedIn = await finding('credentials', async () => `accepted by ${api.authUrl} for project ${await session.projectId(signal)}`);
  yield signedIn;
  if (signedIn.state !== 'ok') return;
  const compute = await finding('compute service', async () => `API 2.${await session.microversion(signal)} at ${await session.endpoint('compute', signal)}`);
  yield compute;
  if (compute.state !== 'ok') return;
  yield finding('image service', () => session.endpoint('image', signal));
  yield finding('quota', async () => quotaText(await parts.limits(signal)));
  yield finding('network', async () => {
    const ids = await resources.networks(signal);
    return ids === undefined || ids.length === 0 ? 'none: machines get no network' : `${api.networks.join(' ') || 'the only one'} (${ids.join(' ')})`;
  });
  const { floatingNetwork } = api;
  if (floatingNetwork !== undefined) yield finding(`floating network ${floatingNetwork}`, () => resources.network(floatingNetwork, signal));
  if (api.securityGroups.length > 0) yield finding('security groups', async () => allThere(api.securityGroups, await resources.missingSecurityGroups(signal)));
  if (api.zones.length > 0) yield finding('availability zones', async () => allThere(api.zones, await resources.missingZones(signal)));
  const seen = new Set<string>();
  for (const m of machinetypes) {
    yield finding(`flavor of ${m.name}`, async () => flavorText(m, await resources.flavors(signal)));
    const image = m.rootImage?.startsWith('image:') === true ? m.rootImage.slice('image:'.length) : undefined;
    if (image !== undefined && !seen.has(image)) {
      seen.add(image);
      yield finding(`image ${oneLine(image, 60)}`, async () => `is there, as ${await images.findNamed(image, signal)}`);
    }
    const key = m.cloud?.rootPublicKey;
    if (key !== undefined && !seen.has(key)) {
      seen.add(key);
      yield finding(`root public key of ${m.name}`, () => keyText(key));
    }
  }
}

async function finding(what: string, look: () => Promise<Result>): Promise<Finding> {
  try {
    const result = await look();
    return typeof result === 'string' ? { what, state: 'ok', text: oneLine(result) } : { what, state: 'wrong', text: oneLine(result.wrong) };
  } catch (error) {
    const unknown = error instanceof ProviderError && error.fault === 'provider';
    return { what, state: unknown ? 'unknown' : 'wrong', text: oneLine(error instanceof Error ? error.message : String(error)) };
  }
}

function quotaText({ quota, used }: CloudOffer): Result {
  const part = (n: number, most: number | undefined, what: string): string => `${n} of ${most ?? 'any number of'} ${what} used`;
  const text = `${part(used.processors, quota.processors, 'processors')}, ${part(used.machines, quota.machines, 'machines')}`;
  const full = used.processors >= (quota.processors ?? Infinity) || used.machines >= (quota.machines ?? Infinity);
  return full ? { wrong: `${text}: there is no room for another machine` } : text;
}

function allThere(wanted: readonly string[], missing: readonly string[]): Result {
  return missing.length === 0 ? wanted.join(' ') : { wrong: `${missing.join(' ')}: not there; valid are names of the project's own` };
}

/** The same choice as at a creation: the first of the named ones, or any, whose processors and memory suit (spec/cloud.md §1.4). */
function flavorText(m: Machinetype, flavors: readonly Flavor[]): Result {
  const names = m.cloud?.flavorNames ?? [];
  const missing = names.filter((n) => !flavors.some((f) => f.name === n || f.id === n));
  const named = names.length === 0 ? flavors : flavors.filter((f) => names.includes(f.name) || names.includes(f.id));
  const suits = (f: Flavor): boolean =>
    f.processors >= m.minProcessors && f.processors <= m.maxProcessors && f.memoryMb >= (m.cloud?.mbPerProcessor ?? 0) * f.processors;
  const suitable = named.filter(suits).map((f) => f.name);
  if (missing.length > 0)
    return {
      wrong: `${missing.join(' ')}: not there; valid are ${flavors
        .slice(0, 20)
        .map((f) => f.name)
        .join(' ')}`,
    };
  if (suitable.length > 0) return suitable.slice(0, 10).join(' ');
  return {
    wrong: `none of ${
      named
        .slice(0, 20)
        .map((f) => `${f.name} (${f.processors} processors, ${f.memoryMb} MiB)`)
        .join(', ') || 'no flavors'
    } suits its processors and memory`,
  };
}

async function keyText(path: string): Promise<Result> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => error as Error);
  if (typeof text !== 'string') return { wrong: `${path}: ${text.message}` };
  return /^(ssh-|ecdsa-|sk-)\S+ [A-Za-z0-9+/]+=*(\s|$)/.test(text)
    ? path
    : { wrong: `${path}: no OpenSSH public key; valid is one line that begins with ssh-` };
}
