import { createHash, randomBytes } from 'node:crypto';
import { statSync } from 'node:fs';
import { createFile, readPrivate, replaceFile, SecretFileFault } from './private-file.ts';

/** What one line of the file of local tokens says: `TOKEN OWNER TENANT…`. */
export interface LocalToken {
  readonly owner: string;
  /** `*`: every tenant. */
  readonly tenants: readonly string[];
}

const heading = '# Tokens of users on this host: TOKEN OWNER TENANT…; * is every tenant.\n';
export const validOwner = /^[A-Za-z0-9][\x21-\x7e]{0,127}$/;
const newToken = (): string => randomBytes(32).toString('base64url');

/** The file of tokens for users on this host (0600). It is read again when it has changed. */
export class LocalTokens {
  readonly #path: string;
  #mark = '';
  #tokens: ReadonlyMap<string, LocalToken> = new Map();

  constructor(path: string) {
    this.#path = path;
  }

  /** Who has this token; undefined: nobody. Throws SecretFileFault when the file must not be used. */
  find(token: string): LocalToken | undefined {
    this.#refresh();
    return this.#tokens.get(digest(token));
  }

  #refresh(): void {
    let mark = '';
    try {
      const { ino, size, mtimeMs } = statSync(this.#path);
      mark = `${ino}:${size}:${mtimeMs}`;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    if (mark === this.#mark) return;
    this.#tokens = new Map(linesOf(this.#path).map(({ token, ...rest }) => [digest(token), rest]));
    this.#mark = mark;
  }
}

/** Makes sure that there is a file with a token for this owner in every tenant. */
export function createLocalTokens(path: string, owner: string): void {
  createFile(path, `${heading}${newToken()} ${owner} *\n`);
}

/** Adds a token and returns it. */
export function addLocalToken(path: string, owner: string, tenants: readonly string[]): string {
  const token = newToken();
  replaceFile(path, `${readPrivate(path) ?? heading}${[token, owner, ...tenants].join(' ')}\n`);
  return token;
}

/** The first token of the file: that of the user who runs the queue. Undefined: there is no file. */
export const firstLocalToken = (path: string): string | undefined => linesOf(path)[0]?.token;

function linesOf(path: string): readonly (LocalToken & { readonly token: string })[] {
  return (readPrivate(path) ?? '').split('\n').flatMap((line, i) => {
    const [token, owner, ...tenants] = line.trim().split(/\s+/);
    if (token === undefined || token === '' || token.startsWith('#')) return [];
    if (token.length < 20 || owner === undefined || !validOwner.test(owner) || tenants.length === 0) {
      throw new SecretFileFault(`${path}:${i + 1}: not of the form TOKEN OWNER TENANT…, TOKEN of 20 characters or more`);
    }
    return [{ token, owner, tenants }];
  });
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
