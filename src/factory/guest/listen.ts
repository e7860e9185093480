import { constants } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';

/** Of `sun_path`, with its closing zero (unix(7)). */
const longestPath = 107;

export interface Listener {
  close(): Promise<void>;
}

/**
 * Listens on the unix socket `name` in `directory`, instead of whatever an earlier process left there. Anyone who may enter the
 * directory may connect; who may enter is for the directory to say. Connections beyond `maxConnections` are closed at once.
 */
export async function listenIn(directory: string, name: string, maxConnections: number, onConnection: (socket: Socket) => void): Promise<Listener> {
  const path = join(directory, name);
  await rm(path, { force: true });
  // A path that is too long is reached through a descriptor, which stays open as long as the server: closing it removes the
  // socket by that same path.
  const through = Buffer.byteLength(path) > longestPath ? await open(directory, constants.O_RDONLY | constants.O_DIRECTORY) : undefined;
  try {
    const server = createServer({ allowHalfOpen: true }, onConnection);
    server.maxConnections = maxConnections;
    await listen(server, through === undefined ? path : `/proc/self/fd/${through.fd}/${name}`);
    return { close: () => stop(server, through) };
  } catch (error) {
    await through?.close();
    throw new Error(`${path}: cannot listen for the machine: ${(error as Error).message}`, { cause: error });
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ path, readableAll: true, writableAll: true }, () => {
      server.off('error', reject);
      // Running out of descriptors while accepting: the connection is lost, the server goes on.
      server.on('error', () => undefined);
      resolve();
    });
  });
}

/** Open connections are not waited for: whoever closes has destroyed them. */
async function stop(server: Server, through: FileHandle | undefined): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  await through?.close();
}
