import { constants } from 'node:fs';
import { lstat, open } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { z } from 'zod';

/** Longest line that QEMU is believed; its answers here have some hundred bytes. */
const maxLine = 65_536;

const Line = z.object({
  QMP: z.unknown().optional(),
  return: z.unknown().optional(),
  error: z.object({ desc: z.string() }).optional(),
  event: z.string().optional(),
});
const Status = z.object({ status: z.string() });

/**
 * One conversation with QEMU: connect, greeting, one command, end. A socket serves one client at a time, so nobody holds it,
 * and a daemon that is being replaced does not lock its successor out.
 * @param directory that of the socket; reached through its descriptor, as socket addresses have at most 108 bytes
 * @returns what QEMU returned; rejects when it does not answer before the signal aborts
 */
export async function qmp(directory: string, name: string, command: 'query-status' | 'system_powerdown', signal: AbortSignal): Promise<unknown> {
  const at = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  let socket: Socket | undefined;
  try {
    const place = `/proc/self/fd/${at.fd}/${name}`;
    // The machine's own account may write here: a link would lead the command to another machine.
    if (!(await lstat(place)).isSocket()) throw new Error('the control socket of QEMU is something else');
    signal.throwIfAborted();
    return await new Promise((resolve, reject) => {
      socket = connect(place);
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      socket.on('error', reject);
      socket.on('close', () => reject(new Error('QEMU closed its control socket')));
      let text = '';
      let greeted = false;
      let capable = false;
      const say = (execute: string): unknown => socket?.write(`${JSON.stringify({ execute })}\n`);
      socket.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
          const line = parse(text.slice(0, end));
          text = text.slice(end + 1);
          if (line === undefined) return reject(new Error('QEMU sent something that is not QMP'));
          if (line.error !== undefined) return reject(new Error(`QEMU: ${line.error.desc}`));
          if (!greeted && line.QMP !== undefined) {
            greeted = true;
            say('qmp_capabilities');
          } else if (greeted && line.event === undefined) {
            if (capable) return resolve(line.return);
            capable = true;
            say(command);
          }
        }
        if (text.length > maxLine) reject(new Error(`QEMU sent a line of more than ${maxLine} bytes`));
      });
    });
  } finally {
    socket?.destroy();
    await at.close();
  }
}

function parse(line: string): z.infer<typeof Line> | undefined {
  try {
    return Line.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined; // not JSON
  }
}

/** `running`, `paused`, `shutdown`, `guest-panicked`, … (QEMU's RunState). */
export async function runState(directory: string, name: string, signal: AbortSignal): Promise<string> {
  return Status.parse(await qmp(directory, name, 'query-status', signal)).status;
}
