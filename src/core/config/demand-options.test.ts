import assert from 'node:assert/strict';
import { test } from 'node:test';
import { machinetypeText } from './show.ts';
import { configured, settings } from './testing.ts';

const image = 'root_image = disk.qcow2\ntarget_share = 1\n';
const type = (lines: string) => configured(`${settings}[machinetype prod]\n${image}${lines}\n`);
const whole = 'policy = demand\ndemand_url = https://queue.example.org/demand\ntenant = red\nqueue_token_key = red.pem\n';

test('policy demand with its queue, tenant and key', () => {
  const { configuration, lines } = type(`${whole}demand_max_machines = 4`);
  assert.deepEqual(lines, []);
  const prod = configuration?.machinetypes.get('prod');
  assert.deepEqual(prod?.demand, { url: 'https://queue.example.org/demand', maxMachines: 4 });
  assert.deepEqual([prod?.tenant, prod?.queueTokenKey], ['red', 'red.pem']);
  const shown = prod && machinetypeText(prod);
  for (const [option, text] of [
    ['policy', 'demand'],
    ['demand_max_machines', '4'],
    ['tenant', 'red'],
    ['queue_token_key', 'red.pem'],
  ] as const) {
    assert.equal(shown?.get(option), text);
  }
  assert.deepEqual(type(whole).configuration?.machinetypes.get('prod')?.demand, { url: 'https://queue.example.org/demand' });
});

test('what policy demand needs is named when it is missing', () => {
  const { configuration, lines } = type('policy = demand');
  assert.equal(configuration?.machinetypes.has('prod'), false);
  for (const option of ['demand_url', 'tenant', 'queue_token_key']) assert.match(lines.join('\n'), new RegExp(`${option}: required with policy = demand`));
});

test('options that do not go together are told', () => {
  assert.match(type('demand_url = http://queue.example.org/').lines.join(), /demand_url: has no effect with policy = vacuum/);
  const alone = type('queue_token_key = red.pem');
  assert.match(alone.lines.join(), /queue_token_key: needs the tenant that the key belongs to; add tenant = NAME/);
  assert.equal(alone.configuration?.machinetypes.has('prod'), false);
  assert.match(type('policy = demnad').lines.join(), /policy: .*did you mean demand/);
  assert.match(type(`${whole}demand_max_machines = -1`).lines.join(), /demand_max_machines: -1 is out of range/);
});

test('a pipe can neither name a key nor make this host ask a server', () => {
  const text = `${settings}[vacuum_pipe vo]\nvacuum_pipe_url = https://vo.example.org/pipe.json\ntarget_share = 1\n`;
  const entry = {
    suffix: 'prod',
    target_share: 1,
    root_image: 'disk.qcow2',
    policy: 'demand',
    demand_url: 'http://10.0.0.1/',
    tenant: 'red',
    queue_token_key: '/etc/shadow',
  };
  const { configuration, lines } = configured(text, { vo: { machinetypes: [entry] } });
  const prod = configuration?.machinetypes.get('vo-prod');
  assert.deepEqual([prod?.demand, prod?.tenant, prod?.queueTokenKey], [undefined, undefined, undefined]);
  for (const option of ['policy', 'demand_url', 'tenant', 'queue_token_key']) assert.match(lines.join('\n'), new RegExp(option));
});
