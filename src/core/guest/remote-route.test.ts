import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { isNameOrProxy, nameComponents } from './distinguished-name.ts';
import { exampleMachine, exampleSettings } from './fixture.ts';
import { readRemoteTarget, routeRemoteRequest } from './remote-route.ts';
import { renderUserData, substitutionsFor, unknownPatterns } from './template.ts';

const token = 'abcdefghijklmnopqrstuvwxyz_-0123';
const facts = { machine: exampleMachine, factory: 'manager.example.com', settings: exampleSettings, hasUserData: true };
const route = (method: string, target: string) => routeRemoteRequest({ method, target, accept: '' }, facts);

describe('paths of machines far away', () => {
  it('a path names space, machine and, where it has one, the token', () => {
    assert.deepEqual(readRemoteTarget(`/machines/s.example.com/vacua-a-0/${token}/joboutputs/out.txt?x=1`), {
      about: 'machine',
      space: 's.example.com',
      name: 'vacua-a-0',
      token,
      target: '/joboutputs/out.txt',
    });
    assert.deepEqual(readRemoteTarget('https://h:1/machines//s/n/machinefeatures/'), { about: 'machine', space: 's', name: 'n', target: '/machinefeatures/' });
    assert.deepEqual(readRemoteTarget('/heartbeatlists/s/squid'), { about: 'heartbeats', space: 's', machinetype: 'squid' });
  });

  it('what is no such path is none', () => {
    for (const path of ['', '/', '/machines', '/machines/s/n', '/machines/s/n/user_data', `/machines/s/n/${token}`, `/machines/s/n/${token}x/joboutputs/a`]) {
      assert.equal(readRemoteTarget(path), undefined, path);
    }
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void readRemoteTarget(text)));
  });

  it('a machine reads its features and its own outputs, writes outputs by flat names, and finds nothing else', () => {
    assert.equal(route('GET', '/machinefeatures/total_cpu').kind, 'document');
    assert.equal(route('GET', '/jobfeatures').kind, 'document');
    assert.deepEqual(route('PUT', '/joboutputs/shutdown_message'), { kind: 'store', name: 'shutdown_message' });
    assert.deepEqual(route('GET', '/joboutputs/a.b-c_d'), { kind: 'output', name: 'a.b-c_d' });
    for (const name of ['.hidden', '..', 'a/b', 'a%2fb', 'x'.repeat(129), '']) {
      assert.deepEqual(route('PUT', `/joboutputs/${name}`), { kind: 'refused', status: 403 }, name);
      assert.deepEqual(route('GET', `/joboutputs/${name}`), { kind: 'refused', status: 404 }, name);
    }
    assert.deepEqual(route('DELETE', '/joboutputs/a'), { kind: 'refused', status: 501 });
    assert.deepEqual(route('PUT', '/machinefeatures/total_cpu'), { kind: 'refused', status: 403 });
  });
});

describe('names in certificates', () => {
  const configured = nameComponents('/DC=org/DC=example/CN=pilot') ?? [];
  it('are compared part by part, so that a longer text is another name', () => {
    const admits = (text: string): boolean => isNameOrProxy(nameComponents(text) ?? [], configured);
    assert.equal(admits('/DC=org/DC=example/CN=pilot'), true);
    assert.equal(admits('CN=pilot, DC=example, DC=org'), true);
    assert.equal(admits('/DC=org/DC=example/CN=pilot/CN=12345/CN=limited proxy'), true);
    for (const other of [
      '/DC=org/DC=example/CN=pilot2',
      '/DC=org/DC=example/CN=pilot/CN=mallory',
      '/DC=org/DC=example',
      '/CN=pilot',
      '/DC=org/DC=example/CN=pilot\\/CN=1',
    ]) {
      assert.equal(admits(other), false, other);
    }
  });
  it('no name configured admits nobody', () => {
    assert.equal(nameComponents(''), undefined);
    assert.equal(nameComponents('pilot'), undefined);
    assert.equal(isNameOrProxy(['CN=a'], []), false);
  });
});

describe('user data of machines far away', () => {
  const remote = {
    places: { machinefeatures: 'https://m/mf', jobfeatures: 'https://m/jf', joboutputs: 'https://m/jo' },
    heartbeatMachinesUrl: 'https://m/heartbeatlists/s',
    site: 'EXAMPLE',
    caches: ['http://10.0.0.1:280', 'http://10.0.0.2:280'],
  };
  const base = {
    machine: exampleMachine,
    settings: { space: 's.example.com', factoryName: 'manager.example.com' },
    manager: 'Vacua 1',
    files: new Map<string, Uint8Array>(),
    remote,
  };
  const machinetype = { name: 'a', userDataOptions: new Map([['cvmfs_proxy', 'http://squid:3128']]) } as unknown as Parameters<
    typeof substitutionsFor
  >[0]['machinetype'];
  const render = (template: string, facts: object = {}): string =>
    Buffer.from(renderUserData(template, substitutionsFor({ ...base, machinetype, ...facts }))).toString();

  it('both spellings of the URLs lead to the manager', () => {
    assert.equal(render('##user_data_machinefeatures_url## ##user_data_manager_joboutputs_url##'), 'https://m/mf https://m/jo');
    assert.equal(render('##user_data_heartbeat_machines_url## ##user_data_site##'), 'https://m/heartbeatlists/s EXAMPLE');
  });
  it('live caches stand before the configured one, which stays alone when there are none (spec/cloud.md §6.3)', () => {
    assert.equal(render('##user_data_option_cvmfs_proxy##'), 'http://10.0.0.1:280|http://10.0.0.2:280;http://squid:3128');
    assert.equal(render('##user_data_option_cvmfs_proxy##', { remote: { ...remote, caches: [] } }), 'http://squid:3128');
  });
  it('patterns that nothing is known for are named', () => {
    const values = substitutionsFor({ ...base, machinetype });
    assert.deepEqual(unknownPatterns('##user_data_space## ##user_data_opton_x## ##user_data_opton_x##', values), ['##user_data_opton_x##']);
  });
});
