import { at, type JsonObject } from './json.ts';

/** One key of a space, as the core sees it: the secret itself stays in the shell. */
export interface SpaceKey {
  /** First eight hexadecimal digits of the SHA-256 of the key; may be shown. */
  readonly fingerprint: string;
  /** First 32 hexadecimal digits of the HMAC-SHA256 of these bytes. */
  mac(bytes: Uint8Array): string;
}

/** What a message says of its own seal, unchecked. `session` is drawn by each process, `sequence` grows with every message of it. */
export interface Seal {
  readonly fingerprint: string;
  readonly session: string;
  readonly sequence: number;
  readonly mac: string;
}

const ascii = new TextEncoder();
const latin1 = new TextDecoder('latin1');
const macPattern = /^, "vacua_mac": "([0-9a-f]{32})"\}$/;
const macLength = ', "vacua_mac": ""}'.length + 32;

/**
 * Closes a message with key, nonce and MAC. The MAC covers every byte before it and stands at the very end, so that no canonical
 * form of JSON is needed; a Vac 3.1 sees three keys that it ignores.
 */
export function sealed(open: string, key: SpaceKey, session: string, sequence: number): Uint8Array {
  const covered = ascii.encode(`${open}, "vacua_key": "${key.fingerprint}", "vacua_nonce": "${session}-${sequence}"`);
  return ascii.encode(`${latin1.decode(covered)}, "vacua_mac": "${key.mac(covered)}"}`);
}

/** The seal that a message claims; undefined: it has none that is well formed. */
export function sealOf(object: JsonObject, payload: Uint8Array): Seal | undefined {
  const [, mac] = macPattern.exec(latin1.decode(payload.subarray(Math.max(0, payload.length - macLength)))) ?? [];
  const fingerprint = at(object, 'vacua_key');
  const nonce = at(object, 'vacua_nonce');
  if (mac === undefined || typeof fingerprint !== 'string' || !/^[0-9a-f]{8}$/.test(fingerprint) || typeof nonce !== 'string') return undefined;
  const [, session, sequence] = /^([0-9a-f]{12})-([0-9]{1,15})$/.exec(nonce) ?? [];
  return session === undefined ? undefined : { fingerprint, session, sequence: Number(sequence), mac };
}

/** Whether this key made the seal. Takes the same time wherever the MACs differ. */
export function fits(seal: Seal, key: SpaceKey, payload: Uint8Array): boolean {
  const mac = key.mac(payload.subarray(0, payload.length - macLength));
  let difference = mac.length ^ seal.mac.length;
  for (let i = 0; i < mac.length; i++) difference |= mac.charCodeAt(i) ^ seal.mac.charCodeAt(i);
  return difference === 0;
}
