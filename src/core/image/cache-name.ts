import type { ImageRole } from './format.ts';

/** Longest name that leaves room for suffixes below the 255 bytes of most file systems. */
const longest = 200;

/** Every character except letters, digits and `_.-~` as %XX (spec/factory.md §2, `imagecache/`). */
const percentEncoded = (url: string): string => encodeURIComponent(url).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/**
 * File name of a cached image: the percent-encoded URL as in Vac, when that is short and the URL alone says what is wanted.
 * Otherwise the beginning of it and half of `hash`, the hexadecimal SHA-256 of everything that is wanted: copies that are pinned
 * or signed differently stand beside each other, and neither credentials nor `..` can be part of a name.
 * What is no boot image has its role after a comma, which no encoded URL contains: nobody can displace a copy by another use of its URL.
 */
export function cacheName(maskedUrl: string, role: ImageRole, plain: boolean, hash: string): string {
  const name = percentEncoded(maskedUrl);
  const suffix = role === 'boot-iso' ? '' : `,${role}`;
  if (plain && name.length <= longest && !/\.(resume|meta|link)$/.test(name)) return `${name}${suffix}`; // suffixes of unfinished files
  return `${name.slice(0, longest - 33).replace(/%[0-9A-F]?$/, '')}-${hash.slice(0, 32)}${suffix}`;
}
