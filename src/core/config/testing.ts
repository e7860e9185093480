import type { Environment } from './environment.ts';
import { type ReadConfiguration, readConfiguration } from './configuration.ts';
import { readIni } from './ini.ts';
import { problemLine } from './problem.ts';

/** A host for tests: `wn01.example.com` with 8 processors. */
export const testEnvironment: Environment = {
  hostName: 'wn01.example.com',
  processors: 8,
  stateDir: '/var/lib/vacua',
  filesDir: (stateDir, nameOrPrefix) => `${stateDir}/machinetypes/${nameOrPrefix}/files`,
  spaceDir: (stateDir, space) => `${stateDir}/spaces/${space}`,
  volumeGroupExists: (name) => name === 'vg0',
  userExists: (name) => name === 'pilot' || name === 'root',
  place: 'vac.conf',
};

const textsOf = (documents: Readonly<Record<string, unknown>>): Map<string, string> =>
  new Map(Object.entries(documents).map(([prefix, document]) => [prefix, typeof document === 'string' ? document : JSON.stringify(document)]));

/** Configuration from texts, and its problems as lines. */
export function configured(
  text: string | readonly string[],
  documents: Readonly<Record<string, unknown>> = {},
  environment: Partial<Environment> = {},
  files: readonly string[] = [],
  spaceDocuments: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {},
): ReadConfiguration & { readonly lines: readonly string[] } {
  const texts = typeof text === 'string' ? [text] : text;
  const read = readConfiguration({
    files: texts.map((one, i) => readIni(files[i] ?? (texts.length === 1 ? 'vac.conf' : `${i + 1}.conf`), one)),
    documents: textsOf(documents),
    spaceDocuments: new Map(Object.entries(spaceDocuments).map(([space, own]) => [space, textsOf(own)])),
    environment: { ...testEnvironment, ...environment },
    digest: 'digest',
    digestOf: (text) => text,
  });
  return { ...read, lines: read.problems.map(problemLine) };
}

/** The least `[settings]` that is accepted. */
export const settings = '[settings]\nvac_space = vac01.example.com\n';
