import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { Tenant } from '../config/settings.ts';
import type { QueuePlaces } from '../config/places.ts';
import { createFile, SecretFileFault } from './private-file.ts';

/** A public key, and the one algorithm that a token signed with it may name: a token never chooses how it is checked. */
export interface TenantKey {
  readonly key: KeyObject;
  readonly algorithm: 'EdDSA' | 'ES256' | 'RS256';
}

/** Public keys of tenants. Files are read again when they have changed, so that a key is replaced without a restart. */
export class TenantKeys {
  readonly #tenants: ReadonlyMap<string, Tenant>;
  readonly #read = new Map<string, { readonly mark: string; readonly key: TenantKey }>();

  constructor(tenants: ReadonlyMap<string, Tenant>) {
    this.#tenants = tenants;
  }

  /** Keys of a tenant that can be used, and what is wrong with the others; both empty when there is no such tenant. */
  of(tenant: string): { readonly keys: readonly TenantKey[]; readonly faults: readonly string[] } {
    const keys: TenantKey[] = [];
    const faults: string[] = [];
    for (const file of this.#tenants.get(tenant)?.keyFiles ?? []) {
      try {
        keys.push(this.#file(file));
      } catch (error) {
        faults.push(error instanceof Error ? error.message : String(error));
      }
    }
    return { keys, faults };
  }

  #file(file: string): TenantKey {
    let mark: string;
    try {
      const { ino, size, mtimeMs } = statSync(file);
      mark = `${ino}:${size}:${mtimeMs}`;
    } catch (cause) {
      throw new SecretFileFault(`${file} cannot be read (${(cause as NodeJS.ErrnoException).code}); make a key with: vacua queue key TENANT`, { cause });
    }
    const known = this.#read.get(file);
    if (known?.mark === mark) return known.key;
    const key = readPublicKey(file, readFileSync(file, 'utf8'));
    this.#read.set(file, { mark, key });
    return key;
  }
}

function readPublicKey(file: string, text: string): TenantKey {
  let key: KeyObject;
  try {
    if (text.includes('PRIVATE KEY')) throw new Error('it is a private key');
    key = createPublicKey(text);
  } catch (cause) {
    throw new SecretFileFault(`${file} holds no public key: ${cause instanceof Error ? cause.message : String(cause)}; valid: PEM, BEGIN PUBLIC KEY`, {
      cause,
    });
  }
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === 'ed25519') return { key, algorithm: 'EdDSA' };
  if (type === 'ec' && details?.namedCurve === 'prime256v1') return { key, algorithm: 'ES256' };
  if (type === 'rsa' && (details?.modulusLength ?? 0) >= 2048) return { key, algorithm: 'RS256' };
  throw new SecretFileFault(
    `${file} holds a key of type ${type}${details?.namedCurve === undefined ? '' : ` (${details.namedCurve})`}; valid: Ed25519, P-256, RSA of 2048 bits or more`,
  );
}

/** A new Ed25519 pair of files for a tenant, the private one 0600. Undefined: the tenant has a key already, which is kept. */
export function makeTenantKey(places: QueuePlaces, tenant: string): { readonly privateFile: string; readonly publicFile: string } | undefined {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519', {
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const [privateFile, publicFile] = [places.privateKey(tenant), places.publicKey(tenant)];
  if (!createFile(privateFile, privateKey)) return undefined;
  createFile(publicFile, publicKey, 0o644);
  return { privateFile, publicFile };
}
