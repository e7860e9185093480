import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parse, parseDocument } from 'yaml';
import { unknownPatterns } from '../../src/core/guest/template.ts';
import { type Agent, agents, substitutions, templateOf, userDataOf } from './render.ts';

const guide = readFileSync(new URL('../../docs/agents.md', import.meta.url), 'utf8');
const canary = 'canary-7f3a';

/** Options that the guide's machinetype section for this agent sets; those it leaves out have a default in the template. */
function documented(agent: Agent): { readonly options: Record<string, string>; readonly files: Record<string, string> } {
  const section = guide.split('```ini').find((text) => text.includes(`examples/user_data/${agent}/user_data`)) ?? '';
  const block = section.split('```')[0] ?? '';
  const options: Record<string, string> = {};
  const files: Record<string, string> = {};
  for (const [, kind, name = '', value = ''] of block.matchAll(/^user_data_(option|file)_([a-z0-9_]+) = (.*)$/gm)) {
    if (kind === 'option') options[name] = value;
    else files[name] = `${canary}\n`;
  }
  return { options, files };
}

/** The script of a template: the user data itself, or what cloud-config writes to a file. */
function scriptOf(agent: Agent, userData: string): string {
  if (!userData.startsWith('#cloud-config')) return userData;
  const config = parse(userData) as { write_files: { path: string; content: string }[]; runcmd: string[][] };
  const path = config.runcmd[0]?.[0];
  const script = config.write_files.find((file) => file.path === path);
  assert.ok(script, `${agent}: runcmd names ${path}, which write_files does not make`);
  return script.content;
}

for (const agent of agents) {
  describe(`user data for ${agent}`, () => {
    const { options, files } = documented(agent);

    it('has only patterns that the guide and the factory give a value to, or that have a default', () => {
      const optional = /_(idle_seconds|queue|image|user|home|feature)##$/;
      const unknown = unknownPatterns(templateOf(agent), substitutions(options, files));
      assert.deepEqual(
        unknown.filter((pattern) => !optional.test(pattern)),
        [],
      );
      for (const pattern of unknown) assert.ok(guide.includes(pattern.slice(2, -2)), `${pattern} is not in docs/agents.md`);
      assert.doesNotMatch(userDataOf(agent, options, files), /##user_data_/);
    });

    it('is a script that sh and busybox understand', () => {
      const script = scriptOf(agent, userDataOf(agent, options, files));
      assert.match(script, /^#!\/bin\/sh\n/);
      for (const [shell, ...args] of [
        ['sh', '-n'],
        ['busybox', 'sh', '-n'],
      ] as const) {
        const { status, stderr } = spawnSync(shell, args, { input: script, encoding: 'utf8' });
        assert.equal(status, 0, stderr);
      }
    });

    it('shares its addresses, lifetime and last word with the others', () => {
      const shared = (script: string): string | undefined => script.match(/^# --- The same[\s\S]*?^# -{20,}$/m)?.[0];
      assert.ok(shared(scriptOf(agent, templateOf(agent))));
      assert.equal(shared(scriptOf(agent, templateOf(agent))), shared(templateOf('htcondor')));
    });

    it('keeps its secret out of arguments: it stands in a file or on a line of its own', () => {
      const lines = userDataOf(agent, options, files).split('\n');
      for (const line of lines.filter((text) => text.includes(canary) || text.includes('header.claims')))
        assert.match(line, /^canary-7f3a$|^header = |^ +content: canary/);
      assert.equal(agent === 'dirac' || lines.some((text) => text.includes(canary) || text.includes('header.claims')), true);
    });
  });
}

describe('the cloud-config of slurm', () => {
  it('is YAML without errors, and its key survives a line end in the file', () => {
    const userData = userDataOf('slurm', documented('slurm').options, { munge_key_base64: 'a2V5\n' });
    const document = parseDocument(userData);
    assert.deepEqual([document.errors, document.warnings], [[], []]);
    const config = document.toJS() as { write_files: { path: string; encoding?: string; content: string; permissions: string }[] };
    const key = config.write_files.find((file) => file.path.endsWith('munge.key'));
    assert.equal(key?.permissions, '0400');
    assert.equal(Buffer.from(key?.content ?? '', 'base64').toString(), 'key');
  });
});
