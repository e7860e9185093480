import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import type { Table } from '../../core/config/option.ts';
import { faultTable, hostsTable, simulationTable, workTable } from './options.ts';

const page = join(import.meta.dirname, '..', '..', '..', 'docs', 'simulator.md');
const tables: readonly (readonly [string, string, Table])[] = [
  ['simulation', '`[simulation]`: the run as a whole', simulationTable],
  ['hosts', '`[hosts NAME]`: hosts of one kind', hostsTable],
  ['work', '`[work MACHINETYPE]`: the tenant', workTable],
  ['fault', '`[fault NAME]`: what goes wrong', faultTable],
];

const markdown = ([, title, table]: (typeof tables)[number]): string =>
  [
    `### ${title}`,
    '',
    '| Option | Valid | Default | Effect |',
    '| --- | --- | --- | --- |',
    ...Object.entries(table).map(([name, { valid, otherwise, about }]) => `| \`${name}\` | ${valid} | ${otherwise} | ${about} |`),
  ].join('\n');

/** With WRITE_DOCS=1 the tables are written instead of compared. */
it('the tables of docs/simulator.md are those that the reader uses', () => {
  const text = readFileSync(page, 'utf8');
  const place = /<!-- tables -->\n[^]*?<!-- end -->/;
  assert.match(text, place);
  const wanted = text.replace(place, () => `<!-- tables -->\n\n${tables.map(markdown).join('\n\n')}\n\n<!-- end -->`);
  if (process.env['WRITE_DOCS'] === '1') writeFileSync(page, wanted);
  else assert.equal(text, wanted, 'run this test with WRITE_DOCS=1 to renew the tables');
});
