import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { derItems } from '../../core/guest/der.ts';
import { instant, later } from '../../core/units.ts';
import { makeProxy, type ProxyTerms } from './x509-proxy.ts';

const run = promisify(execFile);
const kinds = { rsa: ['-newkey', 'rsa:2048'], ec: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'] } as const;
type Kind = keyof typeof kinds;
const subject = '/DC=org/DC=example/O=Organización/CN=Robot: pilot';

const haveOpenssl = await run('openssl', ['version']).then(
  () => true,
  () => false,
);

describe('makeProxy', { skip: haveOpenssl ? false : 'the openssl command is needed to make certificates' }, () => {
  let directory = '';
  /** The moment from which the certificates just made are valid. */
  let now = instant(0);
  let until = now;
  const terms = (): ProxyTerms => ({ form: 'rfc3820', machinetype: 'vo-prod', now, until });
  const at = (name: string): string => join(directory, name);

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'vacua-proxy-'));
    await run('openssl', ['req', '-x509', ...kinds.rsa, '-nodes', '-keyout', at('ca.key'), '-out', at('ca.pem'), '-subj', '/CN=Test CA', '-days', '3']);
    for (const [kind, options] of Object.entries(kinds)) {
      await run('openssl', ['req', '-utf8', '-new', ...options, '-nodes', '-keyout', at(`${kind}.key`), '-out', at(`${kind}.csr`), '-subj', subject]);
      const signing = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-days', '2', '-out', at(`${kind}.pem`)];
      await run('openssl', ['x509', '-req', '-in', at(`${kind}.csr`), ...signing]);
      now = instant(new X509Certificate(await readFile(at(`${kind}.pem`))).validFromDate.getTime());
    }
    until = later(now, 86_400);
  });
  after(() => rm(directory, { recursive: true, force: true }));

  const source = async (kind: Kind): Promise<{ certificates: string; key: string }> => ({
    certificates: `${await readFile(at(`${kind}.pem`), 'utf8')}${await readFile(at('ca.pem'), 'utf8')}`,
    key: await readFile(at(`${kind}.key`), 'utf8'),
  });

  for (const kind of ['rsa', 'ec'] as const) {
    for (const form of ['rfc3820', 'legacy'] as const) {
      it(`makes a limited ${form} proxy of an ${kind} credential`, async () => {
        const given = await source(kind);
        const pem = await makeProxy(given, { ...terms(), form });
        const blocks = pem.match(/-----BEGIN ([A-Z ]+)-----[^]*?-----END \1-----/g) ?? [];
        assert.deepEqual(
          blocks.map((block) => /BEGIN ([A-Z ]+)/.exec(block)?.[1]),
          ['CERTIFICATE', kind === 'rsa' ? 'RSA PRIVATE KEY' : 'EC PRIVATE KEY', 'CERTIFICATE', 'CERTIFICATE'],
        );
        const [first = '', key = '', issuerPem = ''] = blocks;
        const [proxy, issuer] = [new X509Certificate(first), new X509Certificate(issuerPem)];
        assert.equal(proxy.subject, `${issuer.subject}\nCN=${form === 'legacy' ? 'limited proxy' : 'vo-prod'}`);
        assert.equal(proxy.issuer, issuer.subject);
        assert.ok(proxy.verify(issuer.publicKey) && proxy.checkPrivateKey(createPrivateKey(key)));
        assert.equal(BigInt(`0x${proxy.serialNumber}`), BigInt(now / 10));
        assert.equal(proxy.validFromDate.getTime(), now);
        assert.equal(proxy.validToDate.getTime(), until);
        assert.equal(createPrivateKey(given.key).equals(createPrivateKey(key)), false);
        assert.ok((createPrivateKey(key).asymmetricKeyDetails?.modulusLength ?? 2048) >= 2048);
        await writeFile(at('proxy.pem'), pem);
        const { stdout } = await run('openssl', ['x509', '-in', at('proxy.pem'), '-noout', '-text']);
        assert.match(stdout, /X509v3 Key Usage: critical\s+Digital Signature, Key Encipherment, Key Agreement/);
        assert.equal(
          /Proxy Certificate Information: critical\s+Path Length Constraint: infinite\s+Policy Language: 1\.3\.6\.1\.4\.1\.3536\.1\.1\.1\.9/.test(stdout),
          form === 'rfc3820',
        );
        if (form === 'rfc3820') await run('openssl', ['verify', '-allow_proxy_certs', '-CAfile', at('ca.pem'), '-untrusted', at('proxy.pem'), at('proxy.pem')]);
      });
    }
  }

  it("keeps the issuer's subject byte for byte", async () => {
    const pem = await makeProxy(await source('rsa'), terms());
    const fieldsOf = (certificate: X509Certificate): Uint8Array[] => {
      const outer = derItems(certificate.raw)[0]?.content ?? Buffer.alloc(0);
      return derItems(derItems(outer)[0]?.content ?? Buffer.alloc(0)).map((item) => item.whole);
    };
    const issuer = new X509Certificate(await readFile(at('rsa.pem')));
    const subjectIndex = derItems(derItems(derItems(issuer.raw)[0]?.content ?? Buffer.alloc(0))[0]?.content ?? Buffer.alloc(0))[0]?.tag === 0xa0 ? 5 : 4;
    assert.deepEqual(fieldsOf(new X509Certificate(pem))[3], fieldsOf(issuer)[subjectIndex]);
  });

  it('takes certificate and key from one file, and gives the key to nobody', async () => {
    const { certificates, key } = await source('rsa');
    const both = key + certificates;
    const pem = await makeProxy({ certificates: both, key: both }, terms());
    assert.ok(!pem.includes(key.split('\n')[5] ?? 'nothing'));
  });

  it('says what is wrong, without quoting a key', async () => {
    const good = await source('rsa');
    const other = await source('ec');
    const failures: [() => Promise<string>, RegExp][] = [
      [() => makeProxy(good, { ...terms(), until: later(now, 5 * 86_400) }), /^Error: the certificate ends at 20.*, before the machine's shutdown time 20/],
      [() => makeProxy(good, { ...terms(), now: later(now, -86_400) }), /^Error: the certificate is not valid before 20/],
      [() => makeProxy({ ...good, key: other.key }, terms()), /^Error: x509key\.pem is not the key of the first certificate/],
      [() => makeProxy({ ...good, key: 'SECRET' }, terms()), /^Error: x509key\.pem holds no private key that can be read; an unencrypted PEM key is needed$/],
      [() => makeProxy({ ...good, certificates: good.key }, terms()), /^Error: x509cert\.pem holds no certificate/],
      [
        () => makeProxy({ ...good, certificates: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----' }, terms()),
        /^Error: the first certificate in x509cert\.pem cannot be read$/,
      ],
    ];
    for (const [failure, pattern] of failures) await assert.rejects(failure(), (error) => pattern.test(String(error)) || assert.fail(String(error)));
  });
});
