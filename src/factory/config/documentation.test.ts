import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { earlyFiles } from '../../core/config/early.ts';
import { machinetypeTable, pipeTable } from '../../core/config/machinetype-options.ts';
import { settingsTable } from '../../core/config/settings-options.ts';
import { documentedTables } from '../../core/config/tables.ts';
import { configured } from '../../core/config/testing.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const page = join(root, 'docs', 'configuration.md');

/** With WRITE_DOCS=1 the tables are written instead of compared. */
it('the tables of docs/configuration.md are those that the reader uses', async () => {
  const text = await readFile(page, 'utf8');
  let wanted = text;
  for (const [name, table] of documentedTables()) {
    const place = new RegExp(`<!-- table ${name} -->\\n[^]*?<!-- end -->`);
    assert.match(text, place, `docs/configuration.md has a place for the table ${name}`);
    wanted = wanted.replace(place, () => `<!-- table ${name} -->\n\n${table}\n\n<!-- end -->`);
  }
  if (process.env['WRITE_DOCS'] === '1') await writeFile(page, wanted);
  else assert.equal(text, wanted, 'run this test with WRITE_DOCS=1 to renew the tables');
  for (const name of Object.keys({ ...settingsTable, ...machinetypeTable, ...pipeTable })) assert.ok(wanted.includes(`| \`${name}\` |`), name);
});

for (const [example, errors, warnings, machinetypes] of [
  ['vac.conf', 0, 0, ['alice-prod', 'alice-test', 'bob-prod', 'bob-test', 'local']],
  ['minimal.conf', 0, 0, ['alice-prod', 'alice-test']],
  ['multi-processor.conf', 0, 0, ['multi', 'single']],
  ['early-vac.conf', 0, 11, ['example']],
] as const) {
  it(`examples/${example} works`, async () => {
    const pipe = await readFile(join(root, 'examples', 'pipe.json'), 'utf8');
    const { configuration, problems, lines } = configured(await readFile(join(root, 'examples', example), 'utf8'), { alice: pipe, bob: pipe });
    const found = problems.filter((p) => p.severity === 'error').length;
    assert.deepEqual([found, problems.length - found], [errors, warnings], lines.join('\n'));
    assert.deepEqual([...(configuration?.machinetypes.keys() ?? [])], machinetypes);
  });
}

it('examples/mixed.conf works, a host and a space', async () => {
  const { configuration, lines } = configured(await readFile(join(root, 'examples', 'mixed.conf'), 'utf8'));
  assert.deepEqual([lines, configuration?.machinetypes.size, configuration?.spaces?.size], [[], 1, 1]);
});

it('examples/early works, every file of it', async () => {
  const names = [...earlyFiles, 'vac.conf'];
  const texts = await Promise.all(names.map((name) => readFile(join(root, 'examples', 'early', name), 'utf8')));
  const { configuration, lines } = configured(texts, {}, {}, names);
  assert.equal(lines.length, 4, lines.join('\n'));
  assert.deepEqual([configuration?.settings.totalProcessors, configuration?.settings.factories], [2, ['wn01.example.com', 'wn02.example.com']]);
  assert.equal(configuration?.machinetypes.get('example')?.targetShare, 1);
});
