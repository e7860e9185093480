/** The little of DER (X.690) that a certificate needs. */
const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  printableString: 0x13,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

function encode(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const body = Buffer.concat(contents);
  if (body.length < 0x80) return Buffer.concat([Buffer.from([tag, body.length]), body]);
  const length = bigEndian(BigInt(body.length));
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, body]);
}

function bigEndian(n: bigint): Buffer {
  const hex = n.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
}

function oidBytes(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return Buffer.from([first * 40 + second, ...rest].flatMap(base128));
}

function base128(n: number): number[] {
  const digits = [n % 128];
  for (let left = Math.floor(n / 128); left > 0; left = Math.floor(left / 128)) digits.unshift((left % 128) | 0x80);
  return digits;
}

const twoDigits = (n: number): string => String(n).padStart(2, '0');

/** UTCTime until 2049, GeneralizedTime from then on, in whole seconds (RFC 5280 §4.1.2.5). */
function time(at: Date): Uint8Array {
  const rest = [at.getUTCMonth() + 1, at.getUTCDate(), at.getUTCHours(), at.getUTCMinutes(), at.getUTCSeconds()].map(twoDigits).join('');
  const year = at.getUTCFullYear();
  return year < 2050
    ? encode(tags.utcTime, Buffer.from(`${twoDigits(year % 100)}${rest}Z`, 'latin1'))
    : encode(tags.generalizedTime, Buffer.from(`${year}${rest}Z`, 'latin1'));
}

export const der = {
  sequence: (...items: readonly Uint8Array[]): Uint8Array => encode(tags.sequence, ...items),
  set: (...items: readonly Uint8Array[]): Uint8Array => encode(tags.set, ...items),
  oid: (dotted: string): Uint8Array => encode(tags.oid, oidBytes(dotted)),
  null: Buffer.from([0x05, 0x00]) as Uint8Array,
  true: encode(tags.boolean, Buffer.from([0xff])),
  /** Not negative. */
  integer: (n: bigint): Uint8Array => {
    const bytes = bigEndian(n);
    return encode(tags.integer, (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);
  },
  bits: (bytes: Uint8Array, unused = 0): Uint8Array => encode(tags.bitString, Buffer.from([unused]), bytes),
  octets: (bytes: Uint8Array): Uint8Array => encode(tags.octetString, bytes),
  printable: (text: string): Uint8Array => encode(tags.printableString, Buffer.from(text, 'latin1')),
  time,
  /** `[n] EXPLICIT`. */
  explicit: (n: number, item: Uint8Array): Uint8Array => encode(0xa0 | n, item),
};

export interface DerItem {
  readonly tag: number;
  /** With its tag and length. */
  readonly whole: Uint8Array;
  readonly content: Uint8Array;
}

/** The items within the content of a constructed one. Throws RangeError when they do not fit into it. */
export function derItems(content: Uint8Array): DerItem[] {
  const items: DerItem[] = [];
  for (let at = 0; at < content.length; ) {
    const tag = content[at] ?? 0;
    const first = content[at + 1] ?? 0;
    const lengthBytes = first < 0x80 ? 0 : first - 0x80;
    const start = at + 2 + lengthBytes;
    let length = lengthBytes === 0 ? first : 0;
    for (const byte of content.subarray(at + 2, start)) if (lengthBytes > 0) length = length * 256 + byte;
    if (start + length > content.length || lengthBytes > 4) throw new RangeError(`an item at ${at} is longer than what it is in`);
    items.push({ tag, whole: content.subarray(at, start + length), content: content.subarray(start, start + length) });
    at = start + length;
  }
  return items;
}
