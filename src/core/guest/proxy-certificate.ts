import type { Instant } from '../units.ts';
import { der, derItems } from './der.ts';

export type ProxyForm = 'rfc3820' | 'legacy';

export interface ProxyRequest {
  readonly form: ProxyForm;
  /** DER of the certificate that issues the proxy. */
  readonly issuer: Uint8Array;
  /** DER of the new key's SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
  readonly keyType: 'rsa' | 'ec';
  readonly from: Instant;
  readonly until: Instant;
  /** Name of the machinetype. */
  readonly machinetype: string;
}

const commonName = '2.5.4.3';
const keyUsage = '2.5.29.15';
const proxyCertInfo = '1.3.6.1.5.5.7.1.14';
const limitedProxy = '1.3.6.1.4.1.3536.1.1.1.9';
const sha256WithRsa = der.sequence(der.oid('1.2.840.113549.1.1.11'), der.null);
const ecdsaWithSha256 = der.sequence(der.oid('1.2.840.10045.4.3.2'));
/** digitalSignature, keyEncipherment and keyAgreement, bits 0, 2 and 4. */
const usages = der.bits(Uint8Array.of(0b1010_1000), 3);

/**
 * The part of a proxy certificate that its issuer signs (spec/factory.md §12.2, RFC 3820 §3): the issuer's subject, byte for byte,
 * and one common name more. Limited in both forms: by its policy language, or by that name.
 */
export function proxyToBeSigned(request: ProxyRequest): Uint8Array {
  const issuer = subjectOf(request.issuer);
  const hundredths = BigInt(Math.floor(request.from / 10));
  const name = request.form === 'legacy' ? 'limited proxy' : request.machinetype || String(hundredths);
  const added = der.set(der.sequence(der.oid(commonName), der.printable(name)));
  const extensions = [extension(keyUsage, usages)];
  if (request.form === 'rfc3820') extensions.push(extension(proxyCertInfo, der.sequence(der.sequence(der.oid(limitedProxy)))));
  return der.sequence(
    der.explicit(0, der.integer(2n)),
    der.integer(hundredths),
    signatureAlgorithm(request.keyType),
    issuer,
    der.sequence(der.time(new Date(request.from)), der.time(new Date(request.until))),
    der.sequence(...derItems(only(issuer)).map((item) => item.whole), added),
    request.publicKey,
    der.explicit(3, der.sequence(...extensions)),
  );
}

/** The certificate of what was signed. */
export function signedCertificate(toBeSigned: Uint8Array, keyType: 'rsa' | 'ec', signature: Uint8Array): Uint8Array {
  return der.sequence(toBeSigned, signatureAlgorithm(keyType), der.bits(signature));
}

const signatureAlgorithm = (keyType: 'rsa' | 'ec'): Uint8Array => (keyType === 'rsa' ? sha256WithRsa : ecdsaWithSha256);
/** All of them critical. */
const extension = (oid: string, value: Uint8Array): Uint8Array => der.sequence(der.oid(oid), der.true, der.octets(value));

function only(item: Uint8Array): Uint8Array {
  const content = derItems(item)[0]?.content;
  if (content === undefined) throw new RangeError('nothing in it');
  return content;
}

/** The subject's whole DER: version, serial number, algorithm, issuer and validity come before it (RFC 5280 §4.1). */
function subjectOf(certificate: Uint8Array): Uint8Array {
  const toBeSigned = derItems(only(certificate))[0];
  const fields = toBeSigned === undefined ? [] : derItems(toBeSigned.content);
  const subject = fields[fields[0]?.tag === 0xa0 ? 5 : 4];
  if (subject === undefined) throw new RangeError('the certificate has no subject');
  return subject.whole;
}
