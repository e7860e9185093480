import { percent, shareFractions } from '../../core/config/show.ts';
import { type Machinetype, unlimitedProcessors } from '../../core/machinetype.ts';
import type { Configuration } from '../../core/settings.ts';
import { table } from '../table.ts';
import { printable } from '../text.ts';

const columns = [
  { title: 'MACHINETYPE', shrinkTo: 12 },
  { title: 'SHARE', align: 'right' },
  { title: 'PROCESSORS', align: 'right' },
  { title: 'FLAVORS', shrinkTo: 10 },
  { title: 'LIFETIME', align: 'right' },
  { title: 'FROM', shrinkTo: 10 },
] as const;

const sizes = ({ minProcessors: least, maxProcessors: most }: Machinetype): string =>
  most === unlimitedProcessors ? `${least}+` : least === most ? String(least) : `${least}-${most}`;

/** Each usable space at a cloud with its machinetypes, as a heading and a table. */
export function spaceLines(spaces: ReadonlyMap<string, Configuration>, width: number, colour: boolean): readonly string[] {
  return [...spaces].flatMap(([name, { settings, machinetypes }]) => {
    const { processorsLimit, machinesLimit } = settings.cloud ?? {};
    const limits = [
      ...(processorsLimit === undefined ? [] : [`at most ${processorsLimit} processors`]),
      ...(machinesLimit === undefined ? [] : [`at most ${machinesLimit} machines`]),
    ];
    const shares = shareFractions(machinetypes);
    const rows = [...machinetypes.values()].map((m) => [
      m.name,
      percent(shares.get(m.name) ?? 0),
      sizes(m),
      m.cloud?.flavorNames.join(' ') || 'any',
      `${Number((m.maxWallclock / 3600).toFixed(1))} h`,
      m.origin,
    ]);
    const heading = printable([`space ${name}`, settings.provider, ...limits].join(', '));
    return ['', heading, ...(rows.length === 0 ? ['No machinetype is usable: nothing would be started here.'] : table(rows, columns, width, colour))];
  });
}
