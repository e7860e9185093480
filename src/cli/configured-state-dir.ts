import { FileConfigurationSource } from '../factory/config/source.ts';
import { CliError } from './context.ts';

/**
 * `state_dir` of these files, or of the usual places when there are none. Undefined: nothing usable is configured, so that the
 * default counts. Throws a `CliError` with code 2 when files were named and cannot be used.
 */
export async function configuredStateDir(files: readonly string[], signal: AbortSignal): Promise<string | undefined> {
  const source = new FileConfigurationSource({ files, offline: true, readOnly: true });
  try {
    await source.refresh(signal);
    const { configuration } = source.current();
    if (configuration !== undefined) return configuration.settings.stateDir;
  } finally {
    await source.close();
  }
  if (files.length === 0) return undefined;
  throw new CliError(
    2,
    'the configuration cannot be used, so the state directory is not known',
    `Name it with --state-dir, or see \`vacua check ${files.join(' ')}\`.`,
  );
}
