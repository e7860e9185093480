import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { exampleMachine, exampleMachinetype, exampleSettings } from './fixture.ts';
import { maxUserDataBytes, renderUserData, type Substitutions, substitutionsFor } from './template.ts';

const rendered = (template: string | Uint8Array, substitutions: Substitutions): string =>
  Buffer.from(renderUserData(template, substitutions)).toString('latin1');

/** Slow and obvious: cut at the leftmost pattern with a value, one after the other; what lies between is searched for leftovers. */
function oracle(template: string, values: ReadonlyMap<string, string>): string {
  let first = -1;
  let name = '';
  for (const candidate of values.keys()) {
    const at = template.indexOf(`##user_data_${candidate}##`);
    if (at >= 0 && (first < 0 || at < first)) [first, name] = [at, candidate];
  }
  if (first < 0) return withoutLeftovers(template);
  const after = template.slice(first + `##user_data_${name}##`.length);
  return withoutLeftovers(template.slice(0, first)) + (values.get(name) ?? '') + oracle(after, values);
}

function withoutLeftovers(text: string): string {
  const start = '##user_data_';
  for (let at = text.indexOf(start); at >= 0; at = text.indexOf(start, at + 1)) {
    let end = at + start.length;
    while (end < text.length && 'abcdefghijklmnopqrstuvwxyz0123456789,_'.includes(text.charAt(end))) end += 1;
    if (text.startsWith('##', end)) return text.slice(0, at) + withoutLeftovers(text.slice(end + 2));
  }
  return text;
}

describe('renderUserData', () => {
  it('agrees with a slow search for any mixture of patterns', () => {
    const piece = fc.constantFrom('##user_data_', 'space', 'uuid', 'option_x', 'nobody', '##', '#', ',', '_', 'A', ' ', '\n', '##user_data_space##', '\xff');
    const template = fc.array(piece, { maxLength: 14 }).map((pieces) => pieces.join(''));
    const value = fc.constantFrom('', 'v', '##user_data_uuid##', '##', '$&', 'space##');
    fc.assert(
      fc.property(template, value, value, value, (text, space, uuid, x) => {
        const values = new Map([
          ['space', space],
          ['uuid', uuid],
          ['option_x', x],
        ]);
        assert.equal(rendered(Buffer.from(text, 'latin1'), values), oracle(text, values));
      }),
      { numRuns: 2000 },
    );
  });

  it('does not search inserted values again', () => {
    const values = new Map([
      ['option_a', '##user_data_option_b##'],
      ['option_b', 'secret'],
    ]);
    assert.equal(rendered('[##user_data_option_a##]', values), '[##user_data_option_b##]');
  });

  it('removes what is left of letters, digits, comma and underscore, and nothing else', () => {
    const template = '1##user_data_unknown## 2##user_data_a,b_9## 3##user_data_## 4##user_data_A## 5##user_data_a-b## 6##other##';
    assert.equal(rendered(template, new Map()), '1 2 3 4##user_data_A## 5##user_data_a-b## 6##other##');
  });

  it('keeps every byte that belongs to no pattern', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (before, after) => {
        const template = Buffer.concat([Buffer.from('.'), before, Buffer.from('.##user_data_x##.'), after]);
        fc.pre(!Buffer.concat([before, after]).includes('##'));
        const expected = Buffer.concat([Buffer.from('.'), before, Buffer.from('.é.'), after]);
        assert.deepEqual(Buffer.from(renderUserData(template, new Map([['x', 'é']]))), expected);
      }),
    );
  });

  it('inserts files as they are, not as text', () => {
    const bytes = Uint8Array.of(0xff, 0x00, 0x80);
    assert.deepEqual(Buffer.from(renderUserData('##user_data_file_x##', new Map([['file_x', bytes]]))), Buffer.from(bytes));
  });

  it('returns gzip data untouched', () => {
    const packed = Buffer.concat([Buffer.from([0x1f, 0x8b]), Buffer.from('##user_data_space##')]);
    assert.deepEqual(renderUserData(packed, new Map([['space', 'x']])), packed);
  });

  it('refuses what would become too long, and nothing that would not', () => {
    const values = new Map([['option_x', 'v'.repeat(8192)]]);
    const most = maxUserDataBytes / 8192;
    assert.equal(renderUserData('##user_data_option_x##'.repeat(most), values).length, maxUserDataBytes);
    assert.throws(() => renderUserData(`${'##user_data_option_x##'.repeat(most)}.`, values), /longer than 16777216 bytes when filled in; valid: at most/);
    assert.throws(() => renderUserData('##user_data_option_x##'.repeat(50_000), values), /longer than 16777216 bytes/);
    assert.throws(() => renderUserData(Buffer.alloc(maxUserDataBytes + 1, 0x61), new Map()), /longer than 16777216 bytes/);
  });

  it('takes time in proportion to the template, however it is written', () => {
    const hostile = `${'##user_data_aaaaaaaa-'.repeat(50_000)}##user_data_${'a'.repeat(500_000)}`;
    assert.ok(rendered(hostile, new Map([['a', 'b']])) === hostile);
  });
});

describe('substitutionsFor', () => {
  const facts = {
    machine: exampleMachine,
    machinetype: exampleMachinetype,
    settings: exampleSettings,
    manager: 'Vacua 1.2.3',
    files: new Map([['cert', Buffer.from('CERT')]]),
  };
  const one = (name: string): string => rendered(`##user_data_${name}##`, substitutionsFor(facts));

  it('knows every pattern of the table, old and new', () => {
    const base = 'http://169.254.169.253';
    const table: Record<string, string> = {
      url: 'https://vo.example.org/user_data',
      space: 'vac01.example.com',
      machinetype: 'vo-prod',
      vmtype: 'vo-prod',
      machine_hostname: 'wn01-07.example.com',
      vm_hostname: 'wn01-07.example.com',
      manager_version: 'Vacua 1.2.3',
      vmlm_version: 'Vacua 1.2.3',
      manager_hostname: 'wn01.example.com',
      vmlm_hostname: 'wn01.example.com',
      machinefeatures_url: `${base}/machinefeatures`,
      jobfeatures_url: `${base}/jobfeatures`,
      joboutputs_url: `${base}/joboutputs`,
      manager_machinefeatures_url: `${base}/machinefeatures`,
      manager_jobfeatures_url: `${base}/jobfeatures`,
      manager_joboutputs_url: `${base}/joboutputs`,
      root_image_url: 'https://vo.example.org/disk.qcow2',
      heartbeat_machines_url: '',
      uuid: exampleMachine.id,
      option_x509_proxy: '',
      option_queue: 'short',
      option_cert: 'CERT',
      file_cert: 'CERT',
    };
    for (const [name, value] of Object.entries(table)) assert.equal(one(name), value, name);
  });

  it('gives URLs only for what came by HTTP', () => {
    const machinetype = { ...exampleMachinetype, userData: 'local', rootImage: '/cvmfs/x/disk' };
    assert.equal(rendered('##user_data_url##|##user_data_root_image_url##', substitutionsFor({ ...facts, machinetype })), '|');
  });

  it('gives directories to containers', () => {
    const machine = { ...exampleMachine, model: 'docker' as const };
    assert.equal(rendered('##user_data_joboutputs_url##', substitutionsFor({ ...facts, machine })), '/var/spool/joboutputs');
  });

  it('puts the proxy before an option of the same name', () => {
    const machinetype = { ...exampleMachinetype, userDataOptions: new Map([['x509_proxy', 'old']]) };
    assert.equal(rendered('##user_data_option_x509_proxy##', substitutionsFor({ ...facts, machinetype, proxy: 'PEM' })), 'PEM');
  });
});
