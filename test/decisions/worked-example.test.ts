import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { decide } from '../../src/core/decide/decide.ts';
import { explain } from '../../src/core/explain.ts';
import { readSituation, situationToObserved } from '../../src/core/situation/situation.ts';

const page = readFileSync(new URL('../../docs/decisions.md', import.meta.url), 'utf8');
const block = (language: string): string => new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``).exec(page)?.[1] ?? '';

test('the worked example of docs/decisions.md is what is decided', () => {
  const situation = { ...readSituation(JSON.parse(block('json'))), at: '2030-01-01T13:56:28Z' };
  const { observed, configuration } = situationToObserved(situation, 'vacua');
  assert.equal(
    `${explain(
      decide(observed, configuration, () => 0),
      observed,
      configuration,
    ).join('\n')}\n`,
    block(''),
  );
});
