import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';

/** Writes what a machine printed into its directory, for its owner alone. No directory, or nothing printed: nothing is written. */
export async function keepConsole(directory: string, text: Uint8Array): Promise<void> {
  if (text.byteLength === 0) return;
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
  try {
    await using file = await open(join(directory, 'console.log'), flags, 0o600);
    await file.writeFile(text);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
}
