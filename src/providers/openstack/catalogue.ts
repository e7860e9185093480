import { ProviderError } from '../contract.ts';
import type { Service } from './classify.ts';
import { oneLine } from '../cloud/one-line.ts';
import type { TokenBody } from './schema.ts';

export interface Wanted {
  readonly region?: string;
  readonly interface: 'public' | 'internal' | 'admin';
  /** The identity URL: a token that came over HTTPS never goes out without. */
  readonly authUrl: string;
}

type Catalogue = TokenBody['token']['catalog'];

const codes = { compute: 'NO_COMPUTE_SERVICE', image: 'NO_IMAGE_SERVICE', network: 'NO_NETWORK_SERVICE' } as const;
const types: Readonly<Record<Exclude<Service, 'identity'>, readonly string[]>> = { compute: ['compute'], image: ['image'], network: ['network'] };
/** The catalogue of many clouds has these without a version. */
const versions: Readonly<Record<Exclude<Service, 'identity'>, string>> = { compute: '', image: '/v2', network: '/v2.0' };

/**
 * URL of a service, no slash at its end, version included; the last match wins (spec/cloud.md §7.2).
 * Throws a {@link ProviderError} that names what the catalogue has instead.
 */
export function endpointOf(catalogue: Catalogue, service: Exclude<Service, 'identity'>, wanted: Wanted): string {
  const all = catalogue.filter((s) => types[service].includes(s.type)).flatMap((s) => s.endpoints);
  const wrong = (what: string, valid: string): ProviderError =>
    new ProviderError(codes[service], `the catalogue has no ${service} service${what}; ${valid}`, {
      fault: 'host',
      whole: true,
    });
  const some = (names: readonly string[]): string =>
    [...new Set(names)]
      .slice(0, 20)
      .map((n) => oneLine(n, 60))
      .join(' ') || 'nothing';
  if (all.length === 0) throw wrong('', `it has ${some(catalogue.map((s) => s.type))}`);
  const here = all.filter((e) => wanted.region === undefined || e.region === wanted.region || e.region_id === wanted.region);
  if (here.length === 0) throw wrong(` in region ${wanted.region}`, `valid regions are ${some(all.map((e) => e.region ?? e.region_id ?? ''))}`);
  const endpoint = here.findLast((e) => e.interface === wanted.interface);
  if (endpoint === undefined) throw wrong(` with interface ${wanted.interface}`, `valid interfaces are ${some(here.map((e) => e.interface))}`);
  return checkedUrl(endpoint.url, service, wanted.authUrl);
}

function checkedUrl(text: string, service: Exclude<Service, 'identity'>, authUrl: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '')
    throw new ProviderError('BAD_ENDPOINT', `the catalogue's URL of the ${service} service is "${oneLine(text, 100)}"; valid is http(s)://HOST`, {
      fault: 'provider',
      whole: true,
    });
  if (authUrl.startsWith('https:') && url.protocol !== 'https:') {
    const why = `the catalogue's URL of the ${service} service, ${oneLine(text, 100)}, is without TLS while sign-in is with it; valid is https://`;
    throw new ProviderError('BAD_ENDPOINT', why, { fault: 'provider', whole: true });
  }
  const path = url.pathname.replace(/\/+$/, '');
  return `${url.origin}${path}${versions[service] !== '' && !/\/v\d/.test(path) ? versions[service] : ''}`;
}

/** Regions that have a compute service. More than one and none configured: the last is used, which a person should know. */
export const computeRegions = (catalogue: Catalogue): readonly string[] => [
  ...new Set(catalogue.filter((s) => s.type === 'compute').flatMap((s) => s.endpoints.map((e) => e.region ?? e.region_id ?? ''))),
];
