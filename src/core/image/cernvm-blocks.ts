/** CernVM images end with two blocks of this size: metadata, then signature (spec/factory.md §15). */
export const blockBytes = 32_768;

export interface SignatureBlock {
  /** One or more certificates, PEM. */
  readonly certificate: string;
  readonly signature: Uint8Array;
}

/** What the last block of an image says, or why it says nothing that could be verified. Hostile input. */
export function readSignatureBlock(block: Uint8Array): SignatureBlock | string {
  const json = parseRepaired(block, [[/(signature>"|cvm-sign01\.cern\.ch")([ \t]*\r?\n)(?=[ \t]*")/g, '$1,$2']]);
  if (typeof json === 'string') return `no signature: the last 32 KiB are ${json}`;
  const certificate = decoded(json['certificate']);
  const signature = decoded(json['signature']);
  if (certificate === undefined) return 'no signature: its block has no "certificate" in base64';
  if (signature === undefined) return 'no signature: its block has no "signature" in base64';
  return { certificate: new TextDecoder('latin1').decode(certificate), signature };
}

/** `ucernvm-version` from the metadata block; undefined: damaged or absent. At most 100 printable characters. */
export function readVersion(block: Uint8Array): string | undefined {
  const json = parseRepaired(block, [[/HEAD"[ \t]*,(?=\s*[,}])/g, 'HEAD"']]);
  const version = typeof json === 'string' ? undefined : json['ucernvm-version'];
  return typeof version === 'string' && /^[ -~]{1,100}$/.test(version) ? version : undefined;
}

/** Known damage is repaired only in what is not JSON already. */
function parseRepaired(block: Uint8Array, repairs: readonly (readonly [RegExp, string])[]): Record<string, unknown> | string {
  const text = new TextDecoder('latin1')
    .decode(block)
    .replace(/^\0+/, '')
    .replace(/\0[^]*$/, '')
    .trim();
  if (text === '') return 'empty';
  let repaired = text;
  for (const [pattern, by] of repairs) repaired = repaired.replace(pattern, by);
  for (const candidate of [text, repaired]) {
    try {
      const json: unknown = JSON.parse(candidate);
      return typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as Record<string, unknown>) : 'not a JSON object';
    } catch {
      // the next candidate, or none
    }
  }
  return 'not JSON';
}

function decoded(value: unknown): Uint8Array | undefined {
  if (typeof value !== 'string') return undefined;
  const text = value.replace(/\s/g, '');
  if (text === '' || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return undefined;
  try {
    return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  } catch {
    return undefined;
  }
}
