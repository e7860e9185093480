import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

/** A certificate, its key (both PEM), and the power to issue others, whether or not it says that it may. */
export interface TestCa {
  readonly certificate: string;
  readonly key: string;
  /** `ip`: for a server there; `days`: valid from yesterday on, negative: over since then; `authority`: may issue others. */
  issue(dn: string, about?: { readonly ip?: string; readonly days?: number; readonly authority?: boolean }): TestCa;
}

/** For tests: a self-signed certificate authority (RSA, 30 days from yesterday, by `now`) with a name in slash form, `/DC=org/CN=Test CA`. */
export function testCa(dn: string, now = Date.now()): TestCa {
  const keys = newKeys();
  return identity(
    dn,
    now,
    keys.privateKey,
    certify({ now, subject: dn, issuer: dn, publicKey: keys.publicKey, signer: keys.privateKey, days: 30, authority: true }),
  );
}

function identity(dn: string, now: number, privateKey: KeyObject, certificate: string): TestCa {
  return {
    certificate,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    issue(subject, about = {}) {
      const own = newKeys();
      const days = about.days ?? 30;
      const made = certify({ now, subject, issuer: dn, publicKey: own.publicKey, signer: privateKey, days, authority: about.authority ?? false, ip: about.ip });
      return identity(subject, now, createPrivateKey(own.privateKey.export({ type: 'pkcs8', format: 'pem' })), made);
    },
  };
}

const newKeys = (): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } => generateKeyPairSync('rsa', { modulusLength: 2048 });

interface Wanted {
  readonly now: number;
  readonly subject: string;
  readonly issuer: string;
  readonly publicKey: KeyObject;
  readonly signer: KeyObject;
  readonly days: number;
  readonly authority: boolean;
  readonly ip?: string | undefined;
}

const day = 86_400_000;
let serial = 1000;

function certify(want: Wanted): string {
  const [from, to] = want.days < 0 ? [want.now - 90 * day, want.now + want.days * day] : [want.now - day, want.now + want.days * day];
  const algorithm = sequence(oid('1.2.840.113549.1.1.11'), tagged(0x05));
  const extensions = [extension('2.5.29.19', sequence(...(want.authority ? [tagged(0x01, Buffer.of(255))] : [])))];
  if (want.ip !== undefined) extensions.push(extension('2.5.29.17', sequence(tagged(0x87, Buffer.from(want.ip.split('.').map(Number))))));
  const body = sequence(
    tagged(0xa0, tagged(0x02, Buffer.of(2))),
    tagged(0x02, Buffer.of(serial >> 8, serial++ & 255)),
    algorithm,
    name(want.issuer),
    sequence(time(from), time(to)),
    name(want.subject),
    want.publicKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(...extensions)),
  );
  const der = sequence(body, algorithm, tagged(0x03, Buffer.of(0), sign('sha256', body, want.signer)));
  return `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/(.{64})/g, '$1\n')}\n-----END CERTIFICATE-----\n`;
}

/** DER: tag, length, content (X.690). */
function tagged(tag: number, ...content: readonly Buffer[]): Buffer {
  const inside = Buffer.concat(content);
  const n = inside.length;
  return Buffer.concat([Buffer.from(n < 128 ? [tag, n] : n < 256 ? [tag, 0x81, n] : [tag, 0x82, n >> 8, n & 255]), inside]);
}

const sequence = (...content: readonly Buffer[]): Buffer => tagged(0x30, ...content);
const extension = (id: string, value: Buffer): Buffer => sequence(oid(id), tagged(0x01, Buffer.of(255)), tagged(0x04, value));
const time = (at: number): Buffer => tagged(0x17, Buffer.from(`${new Date(at).toISOString().slice(2, 19).replace(/[-:T]/g, '')}Z`));

function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const base128 = (n: number): number[] => (n < 128 ? [n] : [...base128(n >> 7).map((b) => b | 128), n & 127]);
  return tagged(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

/** `/DC=org/CN=x`; a slash inside a value is written `\/`. */
function name(dn: string): Buffer {
  const types: Readonly<Record<string, string>> = { DC: '0.9.2342.19200300.100.1.25', CN: '2.5.4.3', O: '2.5.4.10', OU: '2.5.4.11', C: '2.5.4.6' };
  const parts = dn.split(/(?<!\\)\//).slice(1);
  return sequence(
    ...parts.map((part) => {
      const [type = '', value = ''] = part.replaceAll('\\/', '/').split(/=(.*)/s);
      return tagged(0x31, sequence(oid(types[type] ?? '2.5.4.3'), tagged(type === 'DC' ? 0x16 : 0x0c, Buffer.from(value))));
    }),
  );
}
