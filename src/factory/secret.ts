import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Secret } from '../core/cloud/settings.ts';

/** A secret cannot be had; the message names the place and never the secret. */
export class SecretError extends Error {
  override readonly name = 'SecretError';
}

const greatestFile = 64 * 1024;

/**
 * The text of a secret, without the line feed at its end; read anew for every use, so that a change counts at once. A file must be a
 * regular one that its owner alone may read. Rejects with {@link SecretError}.
 */
export async function readSecret(secret: Secret, env: Readonly<Record<string, string | undefined>> = process.env): Promise<string> {
  switch (secret.from) {
    case 'text':
      return checked(secret.text, 'the secret in the configuration');
    case 'environment': {
      const text = env[secret.variable];
      if (text === undefined) throw new SecretError(`the environment variable ${secret.variable} is not set; set it for the daemon and restart it`);
      return checked(text, `the environment variable ${secret.variable}`);
    }
    case 'file':
      return checked(await contentOf(secret.path), secret.path);
  }
}

async function contentOf(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((cause: NodeJS.ErrnoException) => {
    const why =
      cause.code === 'ENOENT'
        ? 'does not exist'
        : cause.code === 'EACCES'
          ? 'may not be read by this user'
          : `cannot be read (${cause.code ?? 'unknown error'})`;
    throw new SecretError(`${path} ${why}; valid: a file with the secret, mode 0600`, { cause });
  });
  try {
    const s = await file.stat();
    if (!s.isFile()) throw new SecretError(`${path} is not a regular file; valid: a file with the secret, mode 0600`);
    const mode = s.mode & 0o777;
    if ((mode & 0o077) !== 0) throw new SecretError(`${path} has mode 0${mode.toString(8)}, so that others may use it; valid: 0600, see chmod`);
    if (s.size > greatestFile) throw new SecretError(`${path} is ${s.size} bytes long; valid: at most ${greatestFile}`);
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(await file.readFile());
    } catch (cause) {
      throw new SecretError(`${path} is not UTF-8 text; valid: a file with the secret`, { cause });
    }
  } finally {
    await file.close();
  }
}

function checked(text: string, place: string): string {
  const secret = text.replace(/\r?\n$/, '');
  if (secret === '') throw new SecretError(`${place} is empty; valid: the secret`);
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000\n]/.test(secret)) throw new SecretError(`${place} has several lines; valid: the secret on one line`);
  return secret;
}
