import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { elapsed } from '../core/units.ts';
import { scenarioOf } from './testing.ts';
import { type Simulated, simulation, type Underway } from './simulate.ts';
import { summaryOf } from './summary.ts';
import { summaryLines, time } from './summary-text.ts';

/** `VACUA_REWRITE=1` writes what happens now; read the difference before committing it. */
const rewrite = process.env['VACUA_REWRITE'] === '1';
const directory = join(import.meta.dirname, 'testdata');

/** One line per factory: what it runs, and why it started nothing or nothing more. */
function spaceLines({ now, factories }: Underway): string[] {
  return factories.map((factory) => {
    const machines = [...factory.machines].filter((m) => m.power === 'on');
    const types = [...new Set(machines.map((m) => m.record.machinetype))].sort();
    const runs = types.map((type) => {
      const mine = machines.filter((m) => m.record.machinetype === type);
      const [booted, busy] = [mine.filter((m) => m.booted).length, mine.filter((m) => m.busy).length];
      return `${type} ${mine.length}${booted < mine.length ? ` (${mine.length - booted} booting)` : busy < mine.length ? ` (${mine.length - busy} idle)` : ''}`;
    });
    const reasons = factory.decision?.reasons;
    const verdicts = (reasons?.machinetypes ?? []).map(({ machinetype, verdict }) => {
      const until = 'until' in verdict ? ` for ${time(elapsed(now, verdict.until) - factory.skew)}` : '';
      return `${machinetype} ${verdict.why}${verdict.why === 'not_elected' ? ` (rank ${verdict.rank})` : until}`;
    });
    const state =
      reasons === undefined ? (factory.up ? 'asks the others' : 'away') : factory.up ? `${reasons.veto?.why ?? 'starts'}: ${verdicts.join(', ')}` : 'away';
    return `${factory.host.name.split('.')[0]}  ${runs.length === 0 ? 'nothing' : runs.join(', ')}  | ${state}`;
  });
}

/** Commands: `look TIME` shows the space at that time, `summary` the end. Everything before the first `$` is the scenario. */
function played(text: string): string {
  const [scenario = '', ...rest] = text.split(/^(?=\$ )/m);
  const commands = rest.map((part) => part.slice(2, part.indexOf('\n')));
  const steps = simulation(scenarioOf(scenario));
  let end: Simulated | undefined;
  const seen = new Map<number, string[]>();
  let start: number | undefined;
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done) {
      end = step.value;
      break;
    }
    start ??= step.value.now - Math.round(step.value.now % 60_000);
    seen.set(Math.round((step.value.now - start) / 1000), spaceLines(step.value));
  }
  const answers = commands.map((command) => {
    const at = /^look (\d+)s$/.exec(command);
    const lines = at !== null ? seen.get(Number(at[1])) : command === 'summary' && end !== undefined ? summaryLines(summaryOf(end)) : undefined;
    assert.ok(lines !== undefined, `$ ${command}: write look SECONDSs at a multiple of report_interval, or summary`);
    return `$ ${command}\n${lines.join('\n')}\n`;
  });
  return `${scenario}${answers.join('\n')}`;
}

for (const file of readdirSync(directory)) {
  it(`a small space goes as testdata/${file} says`, () => {
    const path = join(directory, file);
    const text = readFileSync(path, 'utf8');
    const now = played(text);
    if (rewrite) writeFileSync(path, now);
    else assert.equal(now, text);
  });
}
