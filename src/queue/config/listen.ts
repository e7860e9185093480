import { isIP } from 'node:net';

/** `HOST:PORT` or `[IPv6]:PORT`; undefined: neither. */
export function parseListen(text: string): { readonly host: string; readonly port: number } | undefined {
  const [, six, name, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = six ?? name;
  if (host === undefined || Number(port) > 65_535 || (six !== undefined && isIP(six) !== 6)) return undefined;
  return { host, port: Number(port) };
}

/** Whether nobody but this host can connect to such an address. Names other than `localhost` are not trusted to be loopback. */
export const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));

/** As it stands in a URL. */
export const urlHost = (host: string): string => (isIP(host) === 6 ? `[${host}]` : host);
