/** SHA-256 of an ASCII text, as lower-case hexadecimal digits. Given by the shell: core has no hash function. */
export type Digest = (text: string) => string;

/** Binds a reply to the factory that was asked and to this round (spec/vacquery.md §5). `salt` is private to the querier. */
export const cookieFor = (salt: string, factory: string, digest: Digest): string => digest(salt + factory);
