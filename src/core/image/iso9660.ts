/** Bytes from the start that {@link isoProblem} looks at. */
export const isoHeadBytes = 0x8000 + 2048;

export const isIso = (head: Uint8Array): boolean => head.length >= isoHeadBytes && latin(head, 0x8001, 5) === 'CD001';

/** Why a file with an ISO 9660 volume descriptor cannot be whole (ECMA-119 §8.4.8, §8.4.12). */
export function isoProblem(head: Uint8Array, fileBytes: number): string | undefined {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const blocks = view.getUint32(0x8000 + 80, true);
  const blockBytes = view.getUint16(0x8000 + 128, true);
  if (head[0x8000] !== 1 || blocks === 0 || ![512, 1024, 2048].includes(blockBytes)) return 'an ISO 9660 image whose primary volume descriptor is damaged';
  const needed = blocks * blockBytes;
  return needed > fileBytes ? `an ISO 9660 image cut short: it has ${fileBytes} of ${needed} bytes` : undefined;
}

const latin = (bytes: Uint8Array, from: number, length: number): string => String.fromCharCode(...bytes.subarray(from, from + length));
