import { createPrivateKey, type KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import type { AgentClaims, DemandClaims } from '../../core/jobs/agent-token.ts';
import { readLocalFile } from './local-file.ts';

const maxKeyBytes = 16_384;

/** Where the key of a tenant lies (docs/agent.md): absolute, or below the files directory of its machinetype. */
export interface TokenKeyPlace {
  readonly file: string;
  readonly filesDir: string;
}

/**
 * Signs a token with a tenant's private key, which is read anew each time, so that it can be replaced while the factory runs.
 * EdDSA with Ed25519, ES256 with P-256, RS256 with RSA of 2048 bits or more. Rejects with a message for people that never quotes the key.
 */
export async function signToken(claims: AgentClaims | DemandClaims, place: TokenKeyPlace): Promise<string> {
  const pem = Buffer.from(await readLocalFile(place.file, place.filesDir, maxKeyBytes, 'secret')).toString('latin1');
  const key = readKey(place.file, pem);
  return new SignJWT({ ...claims }).setProtectedHeader({ alg: algorithmOf(place.file, key), typ: 'JWT' }).sign(key);
}

function readKey(file: string, pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    // The cause is left out: it may quote the key.
    throw new Error(`${file}: holds no private key that can be read; valid: an unencrypted PEM key, as vacua queue key makes`);
  }
}

function algorithmOf(file: string, key: KeyObject): 'EdDSA' | 'ES256' | 'RS256' {
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'ed25519') return 'EdDSA';
  if (key.asymmetricKeyType === 'ec' && namedCurve === 'prime256v1') return 'ES256';
  if (key.asymmetricKeyType === 'rsa' && modulusLength >= 2048) return 'RS256';
  const kind = [key.asymmetricKeyType, namedCurve, modulusLength === 0 ? '' : `${modulusLength} bits`].filter(Boolean).join(' ');
  throw new Error(`${file}: is a key of the kind ${kind}; valid: Ed25519, P-256, or RSA of 2048 bits or more`);
}
