import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { earlyFiles } from './early.ts';
import { configured, settings } from './testing.ts';

const names = [...earlyFiles.map((name) => `/etc/${name}`), '/etc/vac.conf'];
const site = (main: string, texts: Partial<Record<'machines' | 'factories' | 'shares', string>>) =>
  configured([texts.machines ?? '', texts.factories ?? '', texts.shares ?? '', settings + main], {}, {}, names);
const types = '[vmtype a]\nroot_image = x\n[vmtype b]\nroot_image = x\ntarget_share = 1\n';
const slots = (host: string, count: number): string =>
  Array.from({ length: count }, (_, i) => `[virtualmachine ${host}-${String(i).padStart(2, '0')}.example.com]\nmac = 00\n`).join('');

describe('early files (spec/factory.md §23)', () => {
  it('work as they are, each with a warning that gives the line to write', () => {
    const { configuration, lines } = site(types, {
      machines: slots('wn01', 5) + slots('wn02', 3),
      factories: '[factories]\nnames = wn01.example.com\n  wn02.example.com\n',
      shares: '[targetshares]\na = 3\nb = 4\nc = 5\n',
    });
    assert.deepEqual(configuration?.settings.factories, ['wn01.example.com', 'wn02.example.com']);
    assert.equal(configuration?.settings.totalProcessors, 5);
    assert.deepEqual(
      [...(configuration?.machinetypes.values() ?? [])].map((m) => [m.name, m.targetShare]),
      [
        ['a', 3],
        ['b', 1],
      ],
    );
    const early = lines.filter((line) => !line.startsWith('/etc/vac.conf'));
    assert.deepEqual(early, [
      '/etc/vac-virtualmachines.conf:1:1: [virtualmachine wn01-00.example.com]: the early form; write total_processors = 5 in [settings] (warning)',
      '/etc/vac-factories.conf:2:1: names: the early form; write factories = wn01.example.com wn02.example.com in [settings] (warning)',
      '/etc/vac-targetshares.conf:2:1: a: the early form; write target_share = 3 in [machinetype a] (warning)',
      '/etc/vac-targetshares.conf:3:1: b: ignored: the share in the section of the machinetype or pipe counts (warning)',
      '/etc/vac-targetshares.conf:4:1: c: ignored: there is no machinetype of this name (warning)',
    ]);
  });

  it('count for nothing beside the present options', () => {
    const { configuration, lines } = configured(
      [slots('wn01', 5), '[factories]\nnames = wn02.example.com\n', '', `${settings}total_processors = 2\nfactories = .\n`],
      {},
      {},
      names,
    );
    assert.deepEqual([configuration?.settings.totalProcessors, configuration?.settings.factories], [2, ['wn01.example.com']]);
    assert.match(lines.join('\n'), /ignored: total_processors in \[settings\] counts[^]*names: ignored: factories in \[settings\] counts/);
  });

  it('are checked like the present options', () => {
    const wrong = site(types, { factories: '[factories]\nnames = wn02.example.com\n', shares: '[targetshares]\na = x\n' });
    assert.equal(wrong.configuration, undefined);
    assert.match(wrong.lines.join('\n'), /^\/etc\/vac-factories.conf:2:9: factories: this factory, "wn01.example.com", is not among them/m);
    assert.match(wrong.lines.join('\n'), /^\/etc\/vac-targetshares.conf:2:5: a: "x" is not a number/m);
  });

  it('ask for no more than the host has, and count processors of each machine', () => {
    const many = site('vcpu_per_machine = 2\n', { machines: slots('wn01', 3) });
    assert.equal(many.configuration?.settings.totalProcessors, 6);
    const more = site('', { machines: slots('wn01', 20) });
    assert.equal(more.configuration?.settings.totalProcessors, 8);
    assert.match(more.lines.join(), /write total_processors = 8 in \[settings\] \(20 are asked for, the host has 8\)/);
    assert.equal(site('', { machines: '[virtualmachine one]\n[virtualmachine two]\n' }).configuration?.settings.totalProcessors, 2);
  });

  it('the same sections in the present files are what they have been since Vac 3', () => {
    const { configuration, lines } = site(`[factories]\nnames = .\n${types}[targetshares]\na = 3\n${slots('wn01', 2)}`, {});
    assert.equal(configuration, undefined);
    assert.match(lines.join('\n'), /names: no longer read; write factories = \. in \[settings\]/);
    assert.match(lines.join('\n'), /a: no longer read here; write target_share = 3/);
    assert.match(lines.join('\n'), /\[virtualmachine wn01-00.example.com\]: ignored/);
  });
});
