/** What must be known of a URL that a pipe has set before an address is connected to for it. */
export interface PipeReach {
  /** Host of the pipe's own URL as `URL.hostname` gives it, or what {@link trialHost} has made of it. */
  readonly pipeHost: string;
  /** Addresses of this host's interfaces. */
  readonly own: readonly string[];
}

const isLocalhost = (host: string): boolean => /^(.+\.)?localhost$/.test(host);
const unbracketed = (host: string): string => host.replace(/^\[|\]$/g, '');

/** The host of a pipe's URL where it makes a difference, being an address or `localhost`; else an empty text, the same for all other pipes. */
export function trialHost(pipeUrl: string): string {
  const host = URL.parse(pipeUrl)?.hostname ?? '';
  return isLocalhost(host) || bitsOf(unbracketed(host)) !== undefined ? host : '';
}

/**
 * Why the daemon must not connect to this address for a URL which a vacuum pipe has set; undefined: it may. A pipe is written by somebody
 * outside the site, and what only this host can reach is not the pipe's to read: loopback, link-local (metadata services of clouds),
 * unspecified, multicast and reserved addresses, and the host's own. Private networks such as 10.0.0.0/8 are allowed: servers of the site.
 * The exception, for trials on one host: where the site itself has written such an address, or `localhost`, as host of the pipe's URL, it
 * may be reached (loopback: all of it). Another name does not count, since whoever runs its domain could point it here later.
 */
export function forbiddenAddress(address: string, { pipeHost, own }: PipeReach): string | undefined {
  const bits = bitsOf(address);
  if (bits === undefined) return 'not an IP address';
  const pipe = bitsOf(unbracketed(pipeHost));
  if (pipe === bits) return undefined;
  const kind = kindOf(bits);
  if (kind === 'a loopback address' && (isLocalhost(pipeHost) || (pipe !== undefined && kindOf(pipe) === kind))) return undefined;
  return kind ?? (own.some((one) => bitsOf(one) === bits) ? 'an address of this host' : undefined);
}

const ranges = (
  [
    ['0.0.0.0', 8, 'an unspecified address'],
    ['127.0.0.0', 8, 'a loopback address'],
    ['169.254.0.0', 16, 'a link-local address'],
    ['224.0.0.0', 4, 'a multicast address'],
    ['240.0.0.0', 4, 'a reserved address'],
    ['::', 128, 'an unspecified address'],
    ['::1', 128, 'a loopback address'],
    ['fe80::', 10, 'a link-local address'],
    ['ff00::', 8, 'a multicast address'],
  ] as const
).map(([start, length, kind]) => ({ prefix: rawBits(start)?.slice(0, length) ?? '', family: rawBits(start)?.length, kind }));

/** IPv6 prefixes that are followed by the IPv4 address which is reached in the end: mapped, compatible, NAT64 and 6to4. */
const embedding = ['::ffff:0:0/96', '::/96', '64:ff9b::/96', '2002::/16'].map((range) => {
  const [start = '', length = ''] = range.split('/');
  return rawBits(start)?.slice(0, Number(length)) ?? '';
});

const kindOf = (bits: string): (typeof ranges)[number]['kind'] | undefined =>
  ranges.find(({ prefix, family }) => bits.length === family && bits.startsWith(prefix))?.kind;

/** An address as 32 or 128 digits 0 and 1; those of IPv6 that stand for an IPv4 address as that. Undefined: no address. */
function bitsOf(address: string): string | undefined {
  const bits = rawBits(address);
  if (bits === undefined || bits.length === 32 || kindOf(bits) !== undefined) return bits;
  const prefix = embedding.find((start) => bits.startsWith(start));
  return prefix === undefined ? bits : bits.slice(prefix.length, prefix.length + 32);
}

function rawBits(address: string): string | undefined {
  const binary = (n: number, digits: number): string => n.toString(2).padStart(digits, '0');
  const [text = ''] = address.split('%'); // a zone says by which interface
  const [, high = '', dotted] = /^(.*:)?(\d{1,3}(?:\.\d{1,3}){3})$/s.exec(text) ?? [undefined, text];
  const bytes = dotted?.split('.').map(Number) ?? [];
  if (bytes.some((byte) => byte > 255)) return undefined;
  const low = bytes.map((byte) => binary(byte, 8)).join('');
  if (high === '') return dotted === undefined ? undefined : low;
  // An IPv4 address at the end stands for the last two groups.
  const [before, after, ...more] =
    `${high}${dotted === undefined ? '' : `${Number.parseInt(low.slice(0, 16), 2).toString(16)}:${Number.parseInt(low.slice(16), 2).toString(16)}`}`.split(
      '::',
    );
  const groups = (part: string | undefined): string[] => (part === undefined || part === '' ? [] : part.split(':'));
  const [left, right] = [groups(before), groups(after)];
  const missing = 8 - left.length - right.length;
  if (more.length > 0 || (after === undefined ? missing !== 0 : missing < 1)) return undefined;
  const all = [...left, ...Array.from({ length: after === undefined ? 0 : missing }, () => '0'), ...right];
  return all.every((group) => /^[0-9a-f]{1,4}$/i.test(group)) ? all.map((group) => binary(Number.parseInt(group, 16), 16)).join('') : undefined;
}
