/** Letters, digits, `.`, `_`, `-`, not starting with a dot, at most 255 characters (spec/factory.md §14.2). */
export const isOutputName = (name: string): boolean => /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}$/.test(name);

export interface OutputLimits {
  /** Of all stored files together; what is being received may take as much again. */
  readonly maxBytes: number;
  readonly maxFiles: number;
  /** Files received at the same time. */
  readonly maxTransfers: number;
}

/** Room taken for one file that is being received. */
export interface Transfer {
  readonly name: string;
  readonly size: number;
}

export type Reservation = { readonly transfer: Transfer } | { readonly refused: 'bytes' | 'files' | 'transfers' };

/**
 * Book of one machine's job outputs: what is stored and what is on its way. Invariant: whichever of the transfers succeed and in
 * whichever order, the limits hold; a transfer that replaces a file counts as the larger of the two until it has ended.
 */
export class OutputLedger {
  readonly #stored: Map<string, number>;
  readonly #transfers = new Set<Transfer>();
  #bytes: number;

  constructor(stored: ReadonlyMap<string, number>) {
    this.#stored = new Map(stored);
    this.#bytes = stored.values().reduce((sum, size) => sum + size, 0);
  }

  /** Bytes stored now. */
  get bytes(): number {
    return this.#bytes;
  }
  get files(): number {
    return this.#stored.size;
  }

  /** Takes room for a file of exactly `size` bytes, or says which limit forbids it. A file that does not grow is never refused for bytes stored. */
  reserve(name: string, size: number, limits: OutputLimits): Reservation {
    if (this.#transfers.size >= limits.maxTransfers) return { refused: 'transfers' };
    const transfer: Transfer = { name, size };
    const largest = new Map<string, number>();
    let inTransfer = 0;
    for (const t of [...this.#transfers, transfer]) {
      inTransfer += t.size;
      largest.set(t.name, Math.max(t.size, largest.get(t.name) ?? 0));
    }
    let growth = 0;
    let newFiles = 0;
    for (const [other, bytes] of largest) {
      growth += Math.max(0, bytes - (this.#stored.get(other) ?? 0));
      if (!this.#stored.has(other)) newFiles += 1;
    }
    if (!this.#stored.has(name) && this.#stored.size + newFiles > limits.maxFiles) return { refused: 'files' };
    const grows = size > (this.#stored.get(name) ?? 0);
    if (inTransfer > limits.maxBytes || (grows && this.#bytes + growth > limits.maxBytes)) return { refused: 'bytes' };
    this.#transfers.add(transfer);
    return { transfer };
  }

  /** The file has taken its place. */
  commit(transfer: Transfer): void {
    this.#transfers.delete(transfer);
    this.#bytes += transfer.size - (this.#stored.get(transfer.name) ?? 0);
    this.#stored.set(transfer.name, transfer.size);
  }

  /** It failed or was broken off: nothing has changed. */
  release(transfer: Transfer): void {
    this.#transfers.delete(transfer);
  }
}
