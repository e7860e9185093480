/** As much of the file as is ever looked at. */
export const shutdownMessageBytes = 4096;
const longest = 200;

/**
 * What a machine says about its end, fit for logs, terminals and peers: the first line, printable ASCII, at most 200 characters.
 * Anything else in it becomes `?`, white space a blank. Undefined: it says nothing (spec/factory.md §9.1).
 */
export function cleanShutdownMessage(content: Uint8Array): string | undefined {
  const text = Buffer.from(content.subarray(0, shutdownMessageBytes)).toString('utf8');
  const line = text.split(/[\r\n]/, 1)[0] ?? '';
  const printable = line
    .replace(/\s/g, ' ')
    .replace(/[^ -~]/gu, '?')
    .trim()
    .slice(0, longest)
    .trimEnd();
  return printable === '' ? undefined : printable;
}
