import type { Finding } from '../doctor.ts';
import { styled } from '../table.ts';
import { fit, printable } from '../text.ts';

/** One line per finding, a second one with the way to get what is missing, and a last line that sums up. */
export function doctorView(findings: readonly Finding[], width: number, colour: boolean): readonly string[] {
  const names = Math.max(0, ...findings.map((f) => f.name.length));
  const lines = findings.flatMap((f) => {
    const word = f.ok ? 'ok' : f.required ? 'LACKS' : 'note';
    const mark = styled(word.padEnd(5), f.ok ? 'green' : f.required ? 'red' : 'yellow', colour);
    const text = fit(`${f.name.padEnd(names)}  ${printable(f.text)}`, Math.max(1, width - 7));
    // A command is never cut: it is there to be copied.
    return [`${mark}  ${text}`, ...(f.ok || f.remedy === undefined ? [] : [`       → ${printable(f.remedy)}`])];
  });
  const lacking = findings.filter((f) => !f.ok && f.required).length;
  return [
    ...lines,
    lacking === 0 ? 'This host can run a factory.' : `${lacking} ${lacking === 1 ? 'thing is' : 'things are'} missing before this host can run a factory.`,
  ];
}
