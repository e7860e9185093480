import { X509Certificate } from 'node:crypto';
import { runInNewContext } from 'node:vm';
import { certificatesIn } from '../http/trust.ts';
import { ImageError } from './image-error.ts';

const pem = /-----BEGIN CERTIFICATE-----[\sA-Za-z0-9+/=]+-----END CERTIFICATE-----/;
const maxDepth = 10;
const maxPatternMs = 200;

/** The certificate of a signature block. Only the first one counts: all issuers come from the CA directory. */
export function readCertificate(text: string): X509Certificate {
  const found = pem.exec(text);
  if (found === null) throw new ImageError('the signature block holds no PEM certificate');
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(found[0]);
  } catch {
    throw new ImageError('the certificate in the signature block cannot be read');
  }
  if (certificate.publicKey.asymmetricKeyType !== 'rsa')
    throw new ImageError(`the signing certificate has a key of type ${certificate.publicKey.asymmetricKeyType}; valid is RSA`);
  return certificate;
}

/** Subject in slash form, `/DC=ch/DC=cern/CN=x`, in the order of the certificate. */
export const subjectDn = (certificate: X509Certificate): string =>
  `/${certificate.subject
    .split('\n')
    .map((part) => part.replace(/\\([^0-9A-Fa-f])/g, '$1'))
    .join('/')}`;

/**
 * Throws unless a chain of certificates which are valid at `at` leads from `certificate` over authorities in `caDir` to a
 * self-signed one there. The system's CAs do not count for images. CRLs and signing policies are not looked at.
 */
export function requireChain(certificate: X509Certificate, caDir: string, at: Date): void {
  const authorities = certificatesIn(caDir).flatMap((text) => {
    try {
      return [new X509Certificate(text)];
    } catch {
      return [];
    }
  });
  const dn = subjectDn(certificate);
  if (authorities.length === 0)
    throw new ImageError(`the signing certificate ${dn} cannot be checked, because ${caDir} holds no CA certificates (*.pem or *.0)`);
  if (!inForce(certificate, at)) throw new ImageError(`the signing certificate ${dn} is valid only from ${certificate.validFrom} to ${certificate.validTo}`);
  if (!leadsToRoot(certificate, authorities, at, maxDepth)) {
    throw new ImageError(`the signing certificate ${dn} does not come from a CA in ${caDir}; its issuer is /${certificate.issuer.replaceAll('\n', '/')}`);
  }
}

function leadsToRoot(certificate: X509Certificate, authorities: readonly X509Certificate[], at: Date, depth: number): boolean {
  if (depth === 0) return false;
  const issuers = authorities.filter((ca) => ca.ca && inForce(ca, at) && certificate.checkIssued(ca) && certificate.verify(ca.publicKey));
  return issuers.some((ca) => isSelfSigned(ca) || leadsToRoot(ca, authorities, at, depth - 1));
}

const isSelfSigned = (certificate: X509Certificate): boolean => certificate.checkIssued(certificate) && certificate.verify(certificate.publicKey);
const inForce = (certificate: X509Certificate, at: Date): boolean => certificate.validFromDate <= at && at <= certificate.validToDate;

/**
 * Throws unless `pattern`, unanchored, matches the DN. The pattern may come from a tenant, so it runs with a deadline: one that
 * backtracks for ever must not stop the factory.
 */
export function requireDn(dn: string, pattern: string): void {
  let matches: unknown;
  try {
    matches = runInNewContext('new RegExp(pattern).test(dn)', { pattern, dn }, { timeout: maxPatternMs });
  } catch (error) {
    throw new ImageError(`image_signing_dn "${pattern.slice(0, 100)}" cannot be used: ${(error as Error).message}`);
  }
  if (matches !== true) throw new ImageError(`it is signed by ${dn}, which image_signing_dn "${pattern.slice(0, 100)}" does not match`);
}
