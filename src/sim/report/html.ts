import { elapsed, later } from '../../core/units.ts';
import type { Sample, TenantSample } from '../census.ts';
import type { Simulated } from '../simulate.ts';
import type { Summary } from '../summary.ts';
import { count, percent, summaryLines, tenantColumns, tenantRows, time } from '../summary-text.ts';
import { type Band, escaped, plot, type Series } from './plot.ts';
import { style } from './style.ts';

/** The report as one page that needs nothing else: no script, no font, no address. */
export function reportHtml(simulated: Simulated, summary: Summary): string {
  const { samples } = simulated.census;
  return [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escaped(summary.title)}</title><style>${style}</style></head><body><main>`,
    `<h1>${escaped(summary.title)}</h1><p>${escaped(summaryLines(summary)[1] ?? '')}</p>`,
    `<div class="tiles">${tiles(summary).join('')}</div>`,
    `<div class="table">${tenantTable(summary)}</div>`,
    `<div class="plots">${plots(simulated, samples).join('\n')}</div>`,
    `<footer>Simulated by Vacua with the decisions of its factories. Repeat it with --seed ${summary.seed}.</footer>`,
    '</main></body></html>\n',
  ].join('\n');
}

function tiles(s: Summary): string[] {
  const tile = (name: string, value: string, more = ''): string =>
    `<div class="tile"><span>${escaped(name)}</span><b>${escaped(value)}</b>${more === '' ? '' : `<small>${escaped(more)}</small>`}</div>`;
  const { full, half, most } = s.fillSeconds;
  const fill = (at: number | null): string => (at === null ? 'never' : time(at));
  return [
    tile('filled to 99 %', fill(full), `50 % ${fill(half)}, 90 % ${fill(most)}`),
    tile('processors used', percent(s.used)),
    tile('share error', percent(s.shareError.mean), `worst ${percent(s.shareError.worst)}`),
    tile('machines started', count(s.starts)),
    tile(
      'scouts per back-off',
      s.scouts.windows === 0 ? 'none' : String(s.scouts.mean),
      s.scouts.windows === 0 ? '' : `${count(s.scouts.windows)} windows, at most ${count(s.scouts.most)}`,
    ),
    tile(
      'aborts',
      count(Object.values(s.aborts).reduce((a, b) => a + b, 0)),
      Object.entries(s.aborts)
        .map(([code, n]) => `${code}: ${count(n)}`)
        .join(', '),
    ),
    tile('messages', count(Math.round(s.messages.perFactoryAndMinute)), 'per factory and minute'),
    ...(s.handBack === null ? [] : [tile('handed back', s.handBack.cutOff === 0 ? 'in time' : `${count(s.handBack.cutOff)} cut off`)]),
  ];
}

function tenantTable(s: Summary): string {
  const head = tenantColumns.map((c) => `<th>${escaped(c.title.toLowerCase())}</th>`).join('');
  const rows = tenantRows(s).map((row) => `<tr>${row.map((cell) => `<td>${escaped(cell)}</td>`).join('')}</tr>`);
  return `<table><tr>${head}</tr>${rows.join('')}</table>`;
}

function plots({ scenario, census, end }: Simulated, samples: readonly Sample[]): string[] {
  const times = samples.map((s) => s.at);
  const bands = scenario.faults.map((f): Band => {
    const steps = f.stagger === 0 ? 0 : Math.ceil(f.hosts.length / f.together) - 1;
    return { name: f.name, from: f.at, to: f.lasts === undefined ? end : later(f.at, f.lasts + steps * f.stagger) };
  });
  const shown = bands.filter((b) => b.to > (times[0] ?? 0) && b.from < end);
  const per = (of: (t: TenantSample) => number): Series[] =>
    census.tenants.map(({ name }, i): Series => ({ name, colour: i, values: samples.map((s) => (s.tenants[i] === undefined ? 0 : of(s.tenants[i]))) }));
  const targets = per((t) => t.target).map((s): Series => ({ ...s, dashed: true }));
  const interval = time(scenario.reportInterval);
  const single = (name: string, of: (s: Sample, before: Sample | undefined) => number): Series[] => [
    { name, colour: 0, values: samples.map((s, i) => of(s, samples[i - 1])) },
  ];
  const rate = (s: Sample, before: Sample | undefined): number =>
    before === undefined ? 0 : (s.messages - before.messages) / Math.max(1, before.factories, s.factories) / (elapsed(before.at, s.at) / 60);
  const common = { times, bands: shown };
  const capacity: Series = { name: 'capacity', colour: 7, values: samples.map((s) => s.capacity) };
  return [
    plot({
      ...common,
      title: 'Running',
      about: 'processors with a machine, and what each tenant should have of the space',
      series: [capacity, ...targets, ...per((t) => t.running)],
    }),
    plot({
      ...common,
      title: 'Share error',
      about: 'part of the space that the wrong tenants have',
      unit: ' %',
      series: single('share error', (s) => s.shareError * 100),
    }),
    plot({ ...common, title: 'Starts', about: `machines started per ${interval}`, series: per((t) => t.starts), steps: true }),
    plot({
      ...common,
      title: 'Scouts',
      about: `starts after a back-off, to see whether there is work again, per ${interval}`,
      series: per((t) => t.scouts),
      steps: true,
    }),
    plot({ ...common, title: 'Aborts', about: `machines that ended with 300 or above per ${interval}`, series: per((t) => t.aborts), steps: true }),
    plot({ ...common, title: 'Messages', about: 'datagrams sent per factory and minute', series: single('messages', rate) }),
    plot({ ...common, title: 'Jobs waiting', whole: true, about: 'in the queues of the tenants', series: per((t) => t.waiting) }),
    plot({ ...common, title: 'Factories', about: 'daemons that run', whole: true, series: single('factories', (s) => s.factories) }),
  ];
}
