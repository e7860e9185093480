import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { earlyFiles } from '../../core/config/early.ts';
import { type IniFile, readIni } from '../../core/config/ini.ts';
import { everything, type Problem } from '../../core/config/problem.ts';

/** Which files make the configuration. `files`: just these, all of which must exist. `usual`: the places of spec/factory.md §3.1. */
export type ConfigurationPlaces = { readonly files: readonly string[] } | { readonly usual: UsualPlaces };

/** `shared`: of managers of spaces at clouds, where `vcycle.d` may lie (spec/cloud.md §1.1); absent: not looked at. */
interface UsualPlaces {
  readonly etc: string;
  readonly run: string;
  readonly shared?: string;
}

export const usualPlaces: ConfigurationPlaces = { usual: { etc: '/etc', run: '/var/run', shared: '/var/lib/vcycle/shared' } };

const greatestFile = 16 * 1024 ** 2;

/** Files that exist, in the order in which they are read, each with what tells whether it has changed. */
export interface FoundFiles {
  readonly files: readonly { readonly file: string; readonly mark: string }[];
  readonly problems: readonly Problem[];
}

/** Looks at the places without reading a file. Never rejects: what cannot be had is a problem. */
export async function findFiles(places: ConfigurationPlaces): Promise<FoundFiles> {
  const problems: Problem[] = [];
  const files: { file: string; mark: string }[] = [];
  const must = 'files' in places;
  for (const file of must ? places.files : await usualFiles(places.usual, problems)) {
    try {
      const s = await stat(file, { bigint: true });
      if (!s.isFile()) problems.push(fault(file, 'is not a regular file; valid: a configuration file'));
      else if (s.size > greatestFile) problems.push(fault(file, `is ${s.size} bytes long; valid: at most ${greatestFile}`));
      else files.push({ file, mark: `${s.dev}:${s.ino}:${s.size}:${s.mtimeNs}:${s.ctimeNs}` });
    } catch (error) {
      if (must || (error as NodeJS.ErrnoException).code !== 'ENOENT') problems.push(fault(file, unreadable(error)));
    }
  }
  if (!must && files.length === 0 && problems.length === 0) {
    const { etc, run } = places.usual;
    const where = [...['vcycle.d/*.conf', 'vcycle.conf', 'vac.d/*.conf', 'vac.conf'].map((name) => join(etc, name)), join(run, 'vac.conf')].join(', ');
    problems.push(fault(join(etc, 'vac.conf'), `there is no configuration in any of ${where}; \`vacua init\` writes one`));
  }
  return { files, problems };
}

async function usualFiles({ etc, run, shared }: UsualPlaces, problems: Problem[]): Promise<string[]> {
  const inFolder = async (folder: string): Promise<string[]> => {
    const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') problems.push(fault(folder, unreadable(error)));
      return [];
    });
    return names
      .filter((name) => name.endsWith('.conf'))
      .sort()
      .map((name) => join(folder, name));
  };
  return [
    ...(shared === undefined ? [] : await inFolder(join(shared, 'vcycle.d'))),
    ...(await inFolder(join(etc, 'vcycle.d'))),
    join(etc, 'vcycle.conf'),
    ...(await inFolder(join(etc, 'vac.d'))),
    // The early files come before `vac.conf`, which is the place for a manual override.
    ...earlyFiles.map((name) => join(etc, name)),
    join(etc, 'vac.conf'),
    join(run, 'vac.conf'),
  ];
}

const reasons: Readonly<Record<string, string>> = { ENOENT: 'does not exist', EACCES: 'may not be read by this user', EISDIR: 'is a directory' };
const unreadable = (error: unknown): string => {
  const { code = 'unknown error' } = error as NodeJS.ErrnoException;
  return `${reasons[code] ?? `cannot be read (${code})`}; valid: a readable configuration file`;
};
const fault = (file: string, text: string): Problem => ({ severity: 'error', file, line: 0, column: 0, text, disables: everything });

export interface ReadFiles {
  readonly files: readonly IniFile[];
  readonly problems: readonly Problem[];
  /** SHA-256 over names and contents, hexadecimal. */
  readonly digest: string;
}

/** Reads the files that were found. Never rejects. */
export async function readFiles(found: FoundFiles): Promise<ReadFiles> {
  const problems = [...found.problems];
  const hash = createHash('sha256');
  const files: IniFile[] = [];
  for (const { file } of found.files) {
    try {
      const bytes = await readFile(file);
      hash.update(`${JSON.stringify(file)} ${bytes.length}\n`).update(bytes);
      files.push(readIni(file, bytes));
    } catch (error) {
      problems.push(fault(file, unreadable(error)));
    }
  }
  return { files, problems, digest: hash.digest('hex') };
}
