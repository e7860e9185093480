import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { Command } from 'commander';
import { commands } from './commands.ts';
import type { CliContext } from './context.ts';
import { vacua } from './testing.ts';

const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'cli.md'), 'utf8');
const documented = new Set([...page.matchAll(/`vacua ([a-z-]+)/g)].map(([, name]) => name));

it('docs/cli.md and vacua --help name the same commands', async () => {
  const { out } = await vacua('/nonexistent', ['--help']);
  const list = out.slice(out.indexOf('Commands:'));
  const helped = [...list.matchAll(/^ {2}([a-z-]+)/gm)].map(([, name]) => name).filter((name) => name !== 'help');
  assert.deepEqual([...documented].sort(), helped.sort());
  assert.deepEqual(helped.sort(), commands.map((c) => c.name).sort());
});

it('every command registers under the name of its entry, with a description, and says so in its help', async () => {
  for (const { name, load } of commands) {
    const program = new Command();
    (await load()).register(program, {} as CliContext);
    assert.deepEqual(
      program.commands.map((c) => c.name()),
      [name],
    );
    assert.match(program.commands[0]?.description() ?? '', /\.$/);
    const { code, out } = await vacua('/nonexistent', [name, '--help']);
    assert.equal(code, 0);
    assert.match(out, new RegExp(`^Usage: vacua ${name}`));
  }
});

it('every read has --json', async () => {
  for (const { name, load } of commands) {
    if (
      ![
        'check',
        'plan',
        'doctor',
        'machines',
        'machinetypes',
        'machinetype',
        'factories',
        'shares',
        'why',
        'logs',
        'outputs',
        'drain',
        'health',
        'snapshot',
        'decide',
        'cernvm-signature',
      ].includes(name)
    )
      continue;
    const program = new Command();
    (await load()).register(program, {} as CliContext);
    assert.ok(
      program.commands[0]?.options.some((o) => o.long === '--json'),
      name,
    );
  }
});
