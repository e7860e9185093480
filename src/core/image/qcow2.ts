/** What is needed to follow the tables of a qcow2 image (QEMU docs/interop/qcow2.rst). */
export interface Qcow2 {
  readonly clusterBytes: number;
  readonly virtualBytes: number;
  readonly l1Offset: number;
  readonly l1Entries: number;
  /** 8, or 16 with extended entries. */
  readonly l2EntryBytes: number;
}

export const isQcow2 = (head: Uint8Array): boolean => head[0] === 0x51 && head[1] === 0x46 && head[2] === 0x49 && head[3] === 0xfb;

const incompatible = { dirty: 1n, corrupt: 2n, externalData: 4n, compressionType: 8n, extendedL2: 16n };
const known = 31n;
const dataFileName = 0x44415441;
const maxL1Entries = 4 << 20; // QEMU's own limit of 32 MiB

/**
 * Reads a qcow2 header, hostile as it may be. A text says why the image is refused: images that name other files (backing file,
 * external data) would let a tenant read the host's files, and encrypted, damaged or unknown ones cannot be used.
 */
export function readQcow2(head: Uint8Array, fileBytes: number): Qcow2 | string {
  if (head.length < 104 || fileBytes < 104) return `a qcow2 image cut short: it has ${fileBytes} bytes`;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const version = view.getUint32(4);
  if (version !== 2 && version !== 3) return `a qcow2 image of version ${version}; valid are 2 and 3`;
  const clusterBits = view.getUint32(20);
  if (clusterBits < 9 || clusterBits > 21) return `a qcow2 image with clusters of 2^${clusterBits} bytes; valid are 2^9 to 2^21`;
  if (view.getBigUint64(8) !== 0n || view.getUint32(16) !== 0)
    return 'a qcow2 image with a backing file, which is refused; valid is one that stands alone (qemu-img convert -O qcow2 makes one)';
  if (view.getUint32(32) !== 0) return 'an encrypted qcow2 image; valid is one without encryption';
  const features = version === 3 ? view.getBigUint64(72) : 0n;
  if (features & incompatible.externalData || (version === 3 && hasExtension(view, dataFileName))) {
    return 'a qcow2 image with an external data file, which is refused; valid is one that stands alone (qemu-img convert -O qcow2 makes one)';
  }
  if (features & incompatible.corrupt) return 'a qcow2 image marked as corrupt; valid is one that qemu-img check accepts';
  if (features & incompatible.dirty) return 'a qcow2 image that was not closed; valid is one that qemu-img check accepts';
  if (features & ~known) return `a qcow2 image with unknown incompatible features 0x${(features & ~known).toString(16)}`;
  const clusterBytes = 2 ** clusterBits;
  const virtualBytes = Number(view.getBigUint64(24));
  const l1Entries = view.getUint32(36);
  const l1Offset = Number(view.getBigUint64(40));
  const l2EntryBytes = features & incompatible.extendedL2 ? 16 : 8;
  const needed = Math.ceil(virtualBytes / clusterBytes / (clusterBytes / l2EntryBytes));
  if (virtualBytes === 0 || l1Entries > maxL1Entries || l1Entries < needed || l1Offset % clusterBytes !== 0) return 'a qcow2 image with a damaged header';
  const refcountEnd = Number(view.getBigUint64(48)) + view.getUint32(56) * clusterBytes;
  const end = Math.max(l1Offset + l1Entries * 8, refcountEnd);
  if (end > fileBytes) return `a qcow2 image cut short: it has ${fileBytes} bytes, and a table ends at ${end}`;
  return { clusterBytes, virtualBytes, l1Offset, l1Entries, l2EntryBytes };
}

/** Header extensions follow the header until type 0; anything beyond what was read counts as absent, since the first cluster is read. */
function hasExtension(view: DataView, wanted: number): boolean {
  let at = view.getUint32(100);
  while (at + 8 <= view.byteLength) {
    const type = view.getUint32(at);
    if (type === 0) return false;
    if (type === wanted) return true;
    at += 8 + Math.ceil(view.getUint32(at + 4) / 8) * 8;
  }
  return false;
}

/** Offsets of the second-level tables that an L1 table names. */
export function l2Offsets(l1: Uint8Array): readonly number[] {
  const view = new DataView(l1.buffer, l1.byteOffset, l1.byteLength);
  const offsets: number[] = [];
  for (let at = 0; at + 8 <= l1.byteLength; at += 8) {
    const offset = Number(view.getBigUint64(at) & 0x00fffffffffffe00n);
    if (offset !== 0) offsets.push(offset);
  }
  return offsets;
}

/** Greatest offset in the file at which an L2 table says that data begin; 0: none. */
export function furthestData(l2: Uint8Array, image: Qcow2): number {
  const view = new DataView(l2.buffer, l2.byteOffset, l2.byteLength);
  const compressedMask = (1n << BigInt(62 - (Math.log2(image.clusterBytes) - 8))) - 1n;
  let furthest = 0;
  for (let at = 0; at + 8 <= l2.byteLength; at += image.l2EntryBytes) {
    // Halves first: most entries are empty, and big integers are slow.
    if (view.getUint32(at) === 0 && view.getUint32(at + 4) === 0) continue;
    const entry = view.getBigUint64(at);
    const offset = Number(entry & (1n << 62n) ? entry & compressedMask : entry & 0x00fffffffffffe00n);
    if (offset > furthest) furthest = offset;
  }
  return furthest;
}
