import { type Ad, adOf, evaluate, type Expression, match, ParseError, parseAd, parseExpression } from '../src/core/classad/classad.ts';
import { instant } from '../src/core/units.ts';
import { atMost, type BenchResult, median, millisecondsOf, shown } from './result.ts';

const now = instant(Date.UTC(2030, 0, 1));
const tags = Array.from({ length: 50 }, (_, i) => `VO-lhcb-software-${i}`);
const site = {
  GlueCEStateStatus: 'Production',
  GlueHostMainMemoryRAMSize: 4096,
  CpuNumber: 8,
  TimeLeft: 40_000,
  GlueHostApplicationSoftwareRunTimeEnvironment: tags,
};
/** Machines in turn, so that neither side is asked for a constant. A power of two. */
const sites = Array.from({ length: 64 }, (_, i) => ({ ...site, CpuNumber: 8 + i, TimeLeft: 40_000 + i }));
const machines: readonly Ad[] = sites.map(adOf);
const turn = (i: number): number => i & (sites.length - 1);
const batch = 100_000;

function parsed(text: string): Expression {
  const expression = parseExpression(text);
  if (expression instanceof ParseError) throw new Error(`${text}: ${expression}`);
  return expression;
}

/** Microseconds of one evaluation: median over batches, each of which has to come out true every time. */
async function microseconds(holds: (i: number) => boolean): Promise<number> {
  const taken = await millisecondsOf(
    () => {
      let held = 0;
      for (let i = 0; i < batch; i++) if (holds(turn(i))) held++;
      if (held !== batch) throw new Error(`${batch - held} of ${batch} evaluations were not true`);
    },
    9,
    3,
  );
  return (median(taken) * 1000) / batch;
}

/** Simple requirements of jobs on the ad of a machine: at least 500,000 evaluations per second (docs/benchmarks.md). */
export async function run(): Promise<BenchResult[]> {
  const cases: readonly (readonly [string, string, (site: (typeof sites)[number]) => boolean])[] = [
    ['a comparison', 'other.CpuNumber >= 4', (s): boolean => s.CpuNumber >= 4],
    [
      'three terms',
      'other.GlueCEStateStatus == "Production" && other.GlueHostMainMemoryRAMSize >= 2048 && other.TimeLeft > 3600',
      (s): boolean => s.GlueCEStateStatus.toLowerCase() === 'production' && s.GlueHostMainMemoryRAMSize >= 2048 && s.TimeLeft > 3600,
    ],
    [
      'a tag among 50, and a comparison',
      'Member("vo-lhcb-software-40", other.GlueHostApplicationSoftwareRunTimeEnvironment) && other.CpuNumber >= 4',
      (s): boolean => s.GlueHostApplicationSoftwareRunTimeEnvironment.some((t) => t.toLowerCase() === 'vo-lhcb-software-40') && s.CpuNumber >= 4,
    ],
  ];
  const results: BenchResult[] = [];
  for (const [what, text, plain] of cases) {
    const expression = parsed(text);
    const floor = await microseconds((i) => plain(sites[i] as (typeof sites)[number]));
    const value = await microseconds((i) => evaluate(expression, { other: machines[i], now }) === true);
    const note = `${Math.round(1e6 / value).toLocaleString('en')} per s; floor: the same in JavaScript`;
    results.push(atMost(`requirements: ${what}`, value, 'µs', 2, { floor, note }));
  }
  const pattern = parsed('RegExp("^prod(uction)?$", other.GlueCEStateStatus, "i")');
  results.push(shown('requirements: a regular expression', await microseconds((i) => evaluate(pattern, { other: machines[i], now }) === true), 'µs'));
  return [...results, await broker()];
}

/** One job against the ads of 1,000 sites, ranked. */
async function broker(): Promise<BenchResult> {
  const job = parseAd(
    '[ Requirements = Member("VO-lhcb-software-7", other.GlueHostApplicationSoftwareRunTimeEnvironment) && other.CpuNumber > 4; Rank = other.TimeLeft ]',
  );
  if (job instanceof ParseError) throw new Error(String(job));
  const ads = Array.from({ length: 1000 }, (_, i) => ({ name: `ce${i}`, ad: adOf({ ...site, CpuNumber: i % 9, TimeLeft: i }) }));
  const taken = await millisecondsOf(
    () => {
      if (match(job, ads, { now, random: () => 0.5 }).matches[0]?.name !== 'ce998') throw new Error('the best of 1,000 sites is ce998');
    },
    50,
    20,
  );
  return shown('matchmaking: one job, 1,000 sites', median(taken), 'ms', { note: 'with the reasons of the rejected' });
}
