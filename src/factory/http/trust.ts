import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';

const pem = /-----BEGIN CERTIFICATE-----[\sA-Za-z0-9+/=]+-----END CERTIFICATE-----/g;
/** Files changed in place do not change their directory, so it is read again after this time. */
const rereadAfterMs = 3_600_000;

/**
 * All certificates in the `*.pem` and `*.0` files of an IGTF-style directory, each once, as PEM; empty when there is no such directory.
 * Unreadable files are passed over. CRLs (`*.r0`) and signing policies are not looked at.
 */
export function certificatesIn(directory: string): readonly string[] {
  const found = new Set<string>();
  for (const name of namesIn(directory)) {
    if (!name.endsWith('.pem') && !name.endsWith('.0')) continue;
    for (const certificate of textOf(join(directory, name)).match(pem) ?? []) found.add(certificate);
  }
  return [...found];
}

let cached: { readonly directory: string; readonly stamp: number; readonly readAt: number; readonly context: SecureContext } | undefined;

/** Trust for HTTPS: the system's CAs (Node's own when the system has none) and those in `caDir` (spec/factory.md §4). Cached. */
export function serverTrust(caDir: string): SecureContext {
  const stamp = changedAt(caDir);
  if (cached?.directory === caDir && cached.stamp === stamp && performance.now() - cached.readAt < rereadAfterMs) return cached.context;
  const system = getCACertificates('system');
  const base = system.length > 0 ? system : getCACertificates('default');
  const context = createSecureContext({ ca: [...new Set([...base, ...certificatesIn(caDir)])] });
  cached = { directory: caDir, stamp, readAt: performance.now(), context };
  return context;
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function textOf(file: string): string {
  try {
    return statSync(file).isFile() ? readFileSync(file, 'latin1') : '';
  } catch {
    return '';
  }
}

function changedAt(directory: string): number {
  try {
    return statSync(directory).mtimeMs;
  } catch {
    return 0;
  }
}
