import { type ChildProcess, fork } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Bench, BenchResult } from './result.ts';

/** `npm run bench [-- --only NAME…] [--json FILE]`: exit 1 when a budget was not held or a bench failed, 2 on wrong use. */

const here = import.meta.dirname;
const suffix = '.bench.ts';
const benches = (): string[] =>
  readdirSync(here)
    .filter((f) => f.endsWith(suffix))
    .map((f) => basename(f, suffix))
    .sort();

/** Runs in the child: one bench alone in a fresh process, so that no figure carries another's heap or compiled code. */
async function runHere(name: string): Promise<void> {
  const module = (await import(join(here, name + suffix))) as { readonly run: Bench };
  const results = await module.run();
  process.send?.(results.map((r) => ({ ...r, value: Number.isFinite(r.value) ? r.value : null })));
  process.disconnect();
}

type Sent = Omit<BenchResult, 'value'> & { readonly value: number | null };

function runApart(name: string): Promise<BenchResult[]> {
  return new Promise((resolve) => {
    let results: BenchResult[] | undefined;
    const child: ChildProcess = fork(join(here, 'run.ts'), ['--child', name], { execArgv: process.execArgv, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    child.on('message', (sent) => {
      results = (sent as Sent[]).map((r) => ({ ...r, value: r.value ?? Number.NaN }));
    });
    child.on('close', (code, signal) => {
      const failed: BenchResult = { name, value: Number.NaN, unit: '', held: false, note: `no result: ended with ${signal ?? `code ${code}`}` };
      resolve(code === 0 && results !== undefined ? results : [...(results ?? []), failed]);
    });
  });
}

const number = (n: number | undefined): string => (n === undefined || Number.isNaN(n) ? '-' : Number(n.toPrecision(4)).toString());

/** Aligned lines, figures to the right. A pure function of the results. */
function table(results: readonly BenchResult[]): string[] {
  const rows = [
    ['name', 'value', 'unit', 'floor', 'budget', 'held', ''],
    ...results.map((r) => [r.name, number(r.value), r.unit, number(r.floor), number(r.budget), r.held ? 'yes' : 'NO', r.note ?? '']),
  ];
  const widths = rows.reduce<number[]>((w, row) => row.map((cell, i) => Math.max(w[i] ?? 0, cell.length)), []);
  const toTheRight = new Set([1, 3, 4]);
  return rows.map((row) =>
    row
      .map((cell, i) => (toTheRight.has(i) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

/** What is written for machines: the documented keys, figures that could not be taken as null. */
const forJson = (r: BenchResult): object => ({
  name: r.name,
  value: Number.isNaN(r.value) ? null : r.value,
  unit: r.unit,
  floor: r.floor ?? null,
  budget: r.budget ?? null,
  held: r.held,
  ...(r.note === undefined ? {} : { note: r.note }),
});

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { only: { type: 'string', multiple: true }, json: { type: 'string' }, child: { type: 'string' } } });
  if (values.child !== undefined) {
    await runHere(values.child);
    return 0;
  }
  const all = benches();
  const unknown = (values.only ?? []).filter((name) => !all.includes(name));
  if (unknown.length > 0) {
    console.error(`bench: --only ${unknown.join(' ')}: no such bench; there are: ${all.join(' ')}`);
    return 2;
  }
  const results: BenchResult[] = [];
  for (const name of values.only ?? all) {
    if (process.stderr.isTTY) process.stderr.write(`bench: ${name} …\n`);
    results.push(...(await runApart(name)));
  }
  for (const line of table(results)) console.log(line);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results.map(forJson), null, 2)}\n`);
  return results.every((r) => r.held) ? 0 : 1;
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(
    `bench: ${error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS') ? error.message : String(error instanceof Error ? error.stack : error)}`,
  );
  return 2;
});
