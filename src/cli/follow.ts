/** Bytes that are looked for in a later reading when its beginning has been cut off. */
const anchorBytes = 256;

/** What has been added to a growing text whose oldest part may have been cut off meanwhile. All of it when nothing is recognised. */
export function newPart(before: Uint8Array, now: Uint8Array): Uint8Array {
  const old = Buffer.from(before.buffer, before.byteOffset, before.byteLength);
  const grown = Buffer.from(now.buffer, now.byteOffset, now.byteLength);
  if (grown.subarray(0, old.length).equals(old)) return grown.subarray(old.length);
  const anchor = old.subarray(-anchorBytes);
  const at = grown.lastIndexOf(anchor);
  return at < 0 ? grown : grown.subarray(at + anchor.length);
}
