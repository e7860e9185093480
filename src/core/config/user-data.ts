import type { IniValue } from './ini.ts';
import type { ProblemList } from './problem.ts';

/** Where `user_data_option_XXX` and `user_data_file_XXX` stand in one section, the option counts (spec/factory.md §12.1). */
export function readUserDataFiles(
  files: ReadonlyMap<string, IniValue>,
  options: ReadonlyMap<string, IniValue>,
  problems: ProblemList,
  section: string,
): Map<string, IniValue> {
  const kept = new Map<string, IniValue>();
  for (const [name, value] of files) {
    if (options.has(name)) problems.warn(value.name, `user_data_file_${name}`, `user_data_option_${name} is also given and counts instead`, section);
    else kept.set(name, value);
  }
  return kept;
}

export interface UserDataLayer {
  readonly options: ReadonlyMap<string, string>;
  readonly files: ReadonlyMap<string, string>;
}

/** Earlier layers come first in importance; a name in one of them hides the option and the file of the same name in all later ones. */
export function mergeUserData(...layers: readonly UserDataLayer[]): UserDataLayer {
  const options = new Map<string, string>();
  const files = new Map<string, string>();
  for (const layer of layers) {
    const seen = new Set([...options.keys(), ...files.keys()]);
    for (const [name, text] of layer.options) if (!seen.has(name)) options.set(name, text);
    for (const [name, file] of layer.files) if (!seen.has(name) && !layer.options.has(name)) files.set(name, file);
  }
  return { options, files };
}
