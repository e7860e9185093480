import type { ScoutSummary, Summary } from './summary.ts';

/** The summary as lines for people; tables are the caller's, because they fit the terminal. */
export function summaryLines(s: Summary): string[] {
  const { fillSeconds: fill, shareError: error } = s;
  const network = s.network === 'members' ? 'every datagram with the real codec' : 'one shared sum of statuses, datagrams counted';
  const lines = [
    s.title,
    `${count(s.hosts)} factories with ${count(s.processors)} processors, ${hours(s.hours)}, seed ${s.seed}, rule ${s.rule}; network: ${network}`,
    '',
    row(
      'filled to',
      [
        ['50 %', fill.half],
        ['90 %', fill.most],
        ['99 %', fill.full],
      ].map(([level, at]) => `${level} ${at === null ? 'never' : `after ${time(Number(at))}`}`),
    ),
    row('processors used', [percent(s.used)]),
    row('share error', [
      ...(error.after30min === null ? [] : [`${percent(error.after30min)} after 30 min`]),
      `${percent(error.mean)} mean`,
      `${percent(error.worst)} worst`,
    ]),
    row('starts', [count(s.starts)]),
    row('scouts', [scouts(s.scouts)]),
    row(
      'ends by code',
      Object.entries(s.ends).map(([code, n]) => `${code}: ${count(n)}`),
    ),
    row(
      'aborts by code',
      Object.entries(s.aborts).map(([code, n]) => `${code}: ${count(n)}`),
    ),
    row('messages', [`${count(Math.round(s.messages.perFactoryAndMinute))} per factory and minute`, `${count(s.messages.total)} in all`]),
    row('decisions', [`${count(s.decisions.total)}`, `${s.decisions.perFactoryAndHour} per factory and hour`]),
  ];
  if (s.handBack !== null) {
    lines.push(row('hand back', [s.handBack.cutOff === 0 ? 'empty in time' : `machines on ${count(s.handBack.cutOff)} processors were cut off`]));
  }
  return lines;
}

export const tenantColumns = [
  { title: 'MACHINETYPE', shrinkTo: 10 },
  { title: 'SHARE', align: 'right' },
  { title: 'REACHED', align: 'right' },
  { title: 'PROC-HOURS', align: 'right' },
  { title: 'STARTS', align: 'right' },
  { title: 'ABORTS', align: 'right' },
  { title: 'JOBS DONE', align: 'right' },
  { title: 'WAITING', align: 'right' },
  { title: 'AGAIN', align: 'right' },
] as const;

export const tenantRows = (s: Summary): string[][] =>
  s.tenants.map((t) => [
    t.machinetype,
    percent(t.share),
    percent(t.shareReached),
    count(Math.round(t.processorHours)),
    count(t.starts),
    count(t.aborts),
    count(t.jobs.done),
    count(t.jobs.waiting),
    count(t.jobs.interrupted),
  ]);

const row = (title: string, parts: readonly string[]): string => `${title.padEnd(16)} ${parts.length === 0 ? 'none' : parts.join(', ')}`;

function scouts({ windows, scouts, mean, most, early }: ScoutSummary): string {
  const late = early === 0 ? '' : `; ${count(early)} ${early === 1 ? 'start' : 'starts'} before the abort was known everywhere`;
  return windows === 0 ? `none${late}` : `${count(scouts)} in ${count(windows)} windows: mean ${mean}, at most ${count(most)}${late}`;
}

export const percent = (part: number): string => `${(part * 100).toFixed(part > 0 && part < 0.1 ? 2 : 1)} %`;
export const count = (n: number): string => n.toFixed(0).replaceAll(/\B(?=(\d{3})+$)/g, ',');

/** `95 s`, `8 min 3 s`, `1 h 5 min`. */
export function time(seconds: number): string {
  const s = Math.round(seconds);
  if (s < 120) return `${s} s`;
  return s < 7200
    ? `${Math.floor(s / 60)} min${s % 60 === 0 ? '' : ` ${s % 60} s`}`
    : `${Math.floor(s / 3600)} h${s % 3600 < 60 ? '' : ` ${Math.floor((s % 3600) / 60)} min`}`;
}
const hours = (h: number): string => (h < 2 ? `${Number((h * 60).toFixed(1))} min` : `${Number(h.toFixed(2))} h`);
