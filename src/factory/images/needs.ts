import { createHash } from 'node:crypto';
import { cacheName } from '../../core/image/cache-name.ts';
import { rootRole } from '../../core/image/format.ts';
import type { Machinetype } from '../../core/machinetype.ts';
import { maskUrl, namedByPipe } from '../http-fetch.ts';
import { printable } from './image-error.ts';
import type { Demands } from './verify.ts';

/** One file that a machinetype needs. Needs with equal keys are the same need. */
export interface Need extends Demands {
  readonly key: string;
  /** Whose download it is, when that must be shared out fairly: machinetypes of one pipe have one directory. */
  readonly tenant: string;
  /** Of the pipe that has named it, see `Machinetype`: the daemon must not be led to itself then. Absent: the site has named it. */
  readonly pipeHost?: string;
  readonly source:
    | { readonly kind: 'url'; readonly url: string; readonly cacheName: string }
    | { readonly kind: 'file'; readonly path: string; readonly filesDir: string };
}

export interface Needs {
  readonly rootImage: Need;
  readonly initrd?: Need;
}

/** By machinetype, which never changes: the loop asks for each in every turn. */
const known = new WeakMap<Machinetype, Needs | string>();

/** What a machinetype needs, or why nothing would do. Looks at no file. */
export function needsOf(machinetype: Machinetype): Needs | string {
  const needs = known.get(machinetype) ?? findNeeds(machinetype);
  known.set(machinetype, needs);
  return needs;
}

function findNeeds(machinetype: Machinetype): Needs | string {
  const { model, rootImage, initrd } = machinetype;
  const role = rootRole(model);
  if (role === undefined)
    return `machine_model ${model} takes its image from a container engine, which this provider is not; valid are cernvm3, cernvm4, vm-raw and kernel`;
  if (rootImage === undefined || rootImage === '') return 'root_image is not set; valid is a URL, an absolute path, or a file name';
  const root = need(rootImage, machinetype, 'rootImage', {
    role,
    ...(machinetype.rootImageSha256 === undefined ? {} : { sha256: machinetype.rootImageSha256.toLowerCase() }),
    ...(machinetype.imageSigningDn === undefined ? {} : { signingDn: machinetype.imageSigningDn }),
  });
  if (typeof root === 'string') return `root_image ${root}`;
  if (model !== 'kernel' || initrd === undefined) return { rootImage: root };
  const second = need(initrd, machinetype, 'initrd', {
    role: 'initrd',
    ...(machinetype.initrdSha256 === undefined ? {} : { sha256: machinetype.initrdSha256.toLowerCase() }),
  });
  return typeof second === 'string' ? `initrd ${second}` : { rootImage: root, initrd: second };
}

function need(place: string, machinetype: Machinetype, named: 'rootImage' | 'initrd', demands: Demands): Need | string {
  const { filesDir } = machinetype;
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(place)?.[1]?.toLowerCase();
  if (scheme === 'http' || scheme === 'https') {
    const url = URL.parse(place)?.href;
    if (url === undefined) return `"${maskUrl(place)}" is no valid URL`;
    const pipeHost = namedByPipe(machinetype, named);
    const key = JSON.stringify(pipeHost === undefined ? [url, demands] : [url, demands, pipeHost]);
    const masked = maskUrl(url);
    const plain = !pipeHost && masked === url && demands.sha256 === undefined && demands.signingDn === undefined;
    const name = cacheName(masked, demands.role, plain, createHash('sha256').update(key).digest('hex'));
    return {
      ...demands,
      key,
      tenant: filesDir,
      ...(pipeHost !== undefined && { pipeHost }),
      source: { kind: 'url', url, cacheName: pipeHost === undefined ? name : `${name},pipe` },
    };
  }
  if (place.includes('://')) return `"${maskUrl(place)}" has a scheme that is not served; valid are http://, https://, an absolute path, or a file name`;
  const confined = !place.startsWith('/') || place.startsWith('/cvmfs/');
  if (place.includes('\0') || (confined && place.split('/').includes('..')))
    return `"${printable(place)}" leaves its directory, which is refused; valid is a path without ".."`;
  return {
    ...demands,
    key: JSON.stringify([place, place.startsWith('/') ? '' : filesDir, demands]),
    tenant: filesDir,
    source: { kind: 'file', path: place, filesDir },
  };
}

/** How a need is called in texts for people. */
export const nameOf = (need: Need): string => (need.source.kind === 'url' ? maskUrl(need.source.url) : printable(need.source.path));
