/** What a project at a cloud allows and offers. */
export interface CloudOffer {
  /** Greatest number of processors and machines, foreign ones included; absent: no limit is known. */
  readonly quota: { readonly processors?: number; readonly machines?: number /** MiB. */; readonly memoryMb?: number };
  /** Used by all machines of the project, foreign ones included. */
  readonly used: { readonly processors: number; readonly machines: number };
  readonly flavors: readonly Flavor[];
}

/** A size of machine that a cloud sells. */
export interface Flavor {
  readonly id: string;
  readonly name: string;
  readonly processors: number;
  /** MiB. */
  readonly memoryMb: number;
  /** 10^9 bytes; 0: none of its own. */
  readonly diskGb: number;
}
