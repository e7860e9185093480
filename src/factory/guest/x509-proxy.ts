import { createPrivateKey, generateKeyPair, type KeyObject, sign, X509Certificate } from 'node:crypto';
import { promisify } from 'node:util';
import { type ProxyForm, proxyToBeSigned, signedCertificate } from '../../core/guest/proxy-certificate.ts';
import type { Instant } from '../../core/units.ts';

export interface ProxySource {
  /** PEM of the certificate and its chain; whatever else is in it is ignored. */
  readonly certificates: string;
  /** PEM of its private key, unencrypted; may be the same text. */
  readonly key: string;
}

export interface ProxyTerms {
  readonly form: ProxyForm;
  readonly machinetype: string;
  readonly now: Instant;
  /** Shutdown time of the machine: end of the proxy. */
  readonly until: Instant;
}

const newKey = promisify(generateKeyPair);

/**
 * A limited X.509 proxy with a key of its own: proxy certificate, its private key, then the given certificates, all PEM
 * (spec/factory.md §12.2). RSA of 2048 bits, or the issuer's curve. The long-lived key signs and never leaves.
 * Rejects when certificate and key do not belong together, or the certificate does not outlast the machine.
 */
export async function makeProxy(source: ProxySource, terms: ProxyTerms): Promise<string> {
  const chain = source.certificates.match(/-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]*-----END CERTIFICATE-----/g) ?? [];
  const issuer = readCertificate(chain[0]);
  const issuerKey = readKey(source.key);
  if (!issuer.checkPrivateKey(issuerKey)) throw new Error('x509key.pem is not the key of the first certificate in x509cert.pem');
  if (issuer.validFromDate.getTime() > terms.now) throw new Error(`the certificate is not valid before ${issuer.validFromDate.toISOString()}`);
  if (issuer.validToDate.getTime() < terms.until) {
    const [ends, needed] = [issuer.validToDate.toISOString(), new Date(terms.until).toISOString()];
    throw new Error(`the certificate ends at ${ends}, before the machine's shutdown time ${needed}`);
  }
  const { keyType, pair } = await keyLike(issuerKey);
  const toBeSigned = proxyToBeSigned({
    form: terms.form,
    issuer: issuer.raw,
    publicKey: pair.publicKey.export({ type: 'spki', format: 'der' }),
    keyType,
    from: terms.now,
    until: terms.until,
    machinetype: terms.machinetype,
  });
  const certificate = new X509Certificate(signedCertificate(toBeSigned, keyType, sign('sha256', toBeSigned, issuerKey)));
  const key = pair.privateKey.export({ type: keyType === 'rsa' ? 'pkcs1' : 'sec1', format: 'pem' });
  return [certificate.toString(), String(key), ...chain].map((pem) => `${pem.trim()}\n`).join('');
}

function readCertificate(pem: string | undefined): X509Certificate {
  if (pem === undefined) throw new Error('x509cert.pem holds no certificate; a PEM block "CERTIFICATE" is needed');
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw new Error('the first certificate in x509cert.pem cannot be read', { cause: error });
  }
}

function readKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    // The cause is left out: it may quote the key.
    throw new Error('x509key.pem holds no private key that can be read; an unencrypted PEM key is needed');
  }
}

/** A new key of the issuer's kind, so that whoever accepts one accepts the other. */
async function keyLike(issuer: KeyObject): Promise<{ keyType: 'rsa' | 'ec'; pair: { publicKey: KeyObject; privateKey: KeyObject } }> {
  const namedCurve = issuer.asymmetricKeyDetails?.namedCurve;
  if (issuer.asymmetricKeyType === 'rsa') return { keyType: 'rsa', pair: await newKey('rsa', { modulusLength: 2048 }) };
  if (issuer.asymmetricKeyType === 'ec' && namedCurve !== undefined) return { keyType: 'ec', pair: await newKey('ec', { namedCurve }) };
  throw new Error(`x509key.pem is of the kind ${issuer.asymmetricKeyType ?? 'unknown'}; valid are RSA and EC keys`);
}
