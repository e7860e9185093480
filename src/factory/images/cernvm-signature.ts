import { createVerify } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { blockBytes, readSignatureBlock, readVersion } from '../../core/image/cernvm-blocks.ts';
import { eachChunk, readAt } from './chunks.ts';
import { ImageError, printable } from './image-error.ts';
import { readCertificate, requireChain, requireDn, subjectDn } from './signer.ts';

export interface CernvmSignature {
  /** Of the signer, in slash form. */
  readonly dn: string;
  /** `ucernvm-version`, when the metadata can be read. */
  readonly version: string | undefined;
}

/** Half-way through {@link openSignature}: certificate and DN are accepted, the content is still to be hashed. */
export interface PendingSignature extends CernvmSignature {
  /** Bytes from the start that are signed: all but the last block. */
  readonly signedBytes: number;
  update(chunk: Uint8Array): void;
  /** Throws {@link ImageError} unless exactly the content that was given to `update` has been signed. */
  finish(): void;
}

/**
 * Reads the signature of an open image and checks its certificate against `caDir` and, when given, the signer's DN against
 * `pattern` (spec/factory.md §15). Throws {@link ImageError}.
 */
export async function openSignature(image: FileHandle, fileBytes: number, caDir: string, at: Date, pattern?: string): Promise<PendingSignature> {
  if (fileBytes <= 2 * blockBytes) throw new ImageError(`no signature: it has ${fileBytes} bytes; valid are more than ${2 * blockBytes}`);
  const tail = await readAt(image, fileBytes - 2 * blockBytes, 2 * blockBytes);
  const block = readSignatureBlock(tail.subarray(blockBytes));
  if (typeof block === 'string') throw new ImageError(block);
  const certificate = readCertificate(block.certificate);
  const dn = printable(subjectDn(certificate));
  requireChain(certificate, caDir, at);
  if (pattern !== undefined) requireDn(dn, pattern);
  const verifier = createVerify('sha256');
  return {
    dn,
    version: readVersion(tail.subarray(0, blockBytes)),
    signedBytes: fileBytes - blockBytes,
    update: (chunk) => void verifier.update(chunk),
    finish() {
      if (!verifier.verify(certificate.publicKey, block.signature))
        throw new ImageError(`the signature of ${dn} does not fit the content: it has been changed, or was not signed with that key`);
    },
  };
}

/**
 * What `vacua cernvm-signature FILE` prints (spec/factory.md §20). `ok` false: the lines say why. Never rejects; memory does not
 * depend on the size of the file.
 */
export async function cernvmSignature(file: string, caDir: string, at: Date): Promise<{ readonly ok: boolean; readonly lines: readonly string[] }> {
  let pending: PendingSignature | undefined;
  try {
    await using image = await open(file, 'r');
    const { size } = await image.stat();
    const signature = await openSignature(image, size, caDir, at);
    pending = signature;
    await eachChunk(image, 0, signature.signedBytes, (chunk) => signature.update(chunk));
    signature.finish();
    return { ok: true, lines: [`${printable(file)}: the signature is valid`, ...about(signature)] };
  } catch (error) {
    return { ok: false, lines: [`${printable(file)}: ${(error as Error).message}`, ...(pending === undefined ? [] : about(pending))] };
  }
}

const about = (signature: CernvmSignature): readonly string[] => [`DN       ${signature.dn}`, `version  ${signature.version ?? 'not given'}`];
