import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { constants, type Stats } from 'node:fs';
import { checkFormat, headBytes, type ImageFormat, type ImageRole } from '../../core/image/format.ts';
import { furthestData, l2Offsets, type Qcow2 } from '../../core/image/qcow2.ts';
import { openSignature } from './cernvm-signature.ts';
import { eachChunk, readAt } from './chunks.ts';
import { ImageError } from './image-error.ts';

/** What a machinetype asks of a file. */
export interface Demands {
  readonly role: ImageRole;
  /** Lower-case hexadecimal. */
  readonly sha256?: string;
  /** Regular expression for the signer's DN; present: a CernVM signature is required. */
  readonly signingDn?: string;
}

/** A file that met its demands. */
export interface Verified {
  readonly format: ImageFormat;
  readonly size: number;
  /** Absent: nobody asked for it. */
  readonly sha256?: string;
  readonly signedBy?: string;
  readonly identity: string;
}

export interface VerifyOptions {
  readonly caDir: string;
  readonly at: Date;
  /** Also when no digest is demanded. */
  readonly digest: boolean;
  readonly signal: AbortSignal;
}

/** Changes when the content may have changed; stays the same when the file is renamed or hard-linked. */
export const identityOf = (stats: Stats): string => `${stats.ino}:${stats.size}:${stats.mtimeMs}`;

/** Tables of larger images are not followed to their end. */
const maxTableBytes = 64 << 20;

/** Checks format, digest and signature of a regular file in one pass. Throws {@link ImageError} with what is wrong and what would be valid. */
export async function verifyFile(path: string, demands: Demands, options: VerifyOptions): Promise<Verified> {
  // O_NONBLOCK: a FIFO must not hang the factory.
  await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const before = await file.stat();
  if (!before.isFile()) throw new ImageError('not a regular file, as it would have to be');
  const head = await readAt(file, 0, Math.min(headBytes, before.size));
  const found = checkFormat(demands.role, head, before.size);
  if ('problem' in found) throw new ImageError(found.problem);
  if (found.qcow2 !== undefined) await requireWhole(file, found.qcow2, before.size, options.signal);
  const sums = await checkContent(file, before.size, demands, options);
  const identity = identityOf(before);
  if (identityOf(await file.stat()) !== identity) throw new ImageError('it changed while it was read');
  return { format: found.format, size: before.size, identity, ...sums };
}

async function checkContent(file: FileHandle, size: number, demands: Demands, options: VerifyOptions): Promise<{ sha256?: string; signedBy?: string }> {
  const signature = demands.signingDn === undefined ? undefined : await openSignature(file, size, options.caDir, options.at, demands.signingDn);
  const hash = options.digest || demands.sha256 !== undefined ? createHash('sha256') : undefined;
  let sha256: string | undefined;
  if (signature !== undefined || hash !== undefined) {
    const signed = signature?.signedBytes ?? 0;
    const both = (chunk: Uint8Array): void => {
      signature?.update(chunk);
      hash?.update(chunk);
    };
    await eachChunk(file, 0, signed, both, options.signal);
    await eachChunk(file, signed, hash === undefined ? 0 : size - signed, (chunk) => void hash?.update(chunk), options.signal);
    sha256 = hash?.digest('hex');
  }
  if (demands.sha256 !== undefined && sha256 !== demands.sha256)
    throw new ImageError(`its SHA-256 is ${sha256}; valid is ${demands.sha256}, as the machinetype demands`);
  signature?.finish();
  return { ...(sha256 === undefined ? {} : { sha256 }), ...(signature === undefined ? {} : { signedBy: signature.dn }) };
}

/** A qcow2 image whose tables point behind its end has been cut short. */
async function requireWhole(file: FileHandle, image: Qcow2, size: number, signal: AbortSignal): Promise<void> {
  const cut = (at: number): ImageError => new ImageError(`a qcow2 image cut short: it has ${size} bytes, and its data continue at ${at}`);
  let budget = maxTableBytes - image.l1Entries * 8;
  for (const offset of l2Offsets(await readAt(file, image.l1Offset, image.l1Entries * 8))) {
    if (offset + image.clusterBytes > size) throw cut(offset);
    budget -= image.clusterBytes;
    if (budget < 0) return;
    signal.throwIfAborted();
    const furthest = furthestData(await readAt(file, offset, image.clusterBytes), image);
    if (furthest >= size) throw cut(furthest);
  }
}
