import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { toolEnvironment } from './launch.ts';

export interface Tool {
  readonly command: string;
  /** Debian package. */
  readonly package: string;
  readonly for: 'always' | 'namespace' | 'outbound';
}

export const tools: readonly Tool[] = [
  { command: 'qemu-system-x86_64', package: 'qemu-system-x86', for: 'always' },
  { command: 'setpriv', package: 'util-linux', for: 'always' },
  { command: 'unshare', package: 'util-linux', for: 'namespace' },
  { command: 'stdbuf', package: 'coreutils', for: 'always' },
  { command: 'socat', package: 'socat', for: 'always' },
  { command: 'ip', package: 'iproute2', for: 'namespace' },
  { command: 'nft', package: 'nftables', for: 'namespace' },
  { command: 'udhcpd', package: 'udhcpd', for: 'namespace' },
  { command: 'slirp4netns', package: 'slirp4netns', for: 'outbound' },
];

/** Where a command is, as the launcher would find it. */
export function findTool(command: string): string | undefined {
  for (const directory of (toolEnvironment()['PATH'] ?? '').split(':').filter((d) => d.startsWith('/'))) {
    try {
      accessSync(join(directory, command), constants.X_OK);
      return join(directory, command);
    } catch {
      // not in this one
    }
  }
  return undefined;
}

export const missingTools = (kinds: readonly Tool['for'][]): Tool[] => tools.filter((t) => kinds.includes(t.for) && findTool(t.command) === undefined);

/** `apt-get install …` for what is missing. */
export const installCommand = (missing: readonly Tool[]): string => `apt-get install ${[...new Set(missing.map((t) => t.package))].join(' ')}`;
