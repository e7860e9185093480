import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { later } from '../core/units.ts';
import { FakeView, fakeId, fakeNow, runningMachine } from '../factory/control/fake-view.ts';
import { ControlServer } from '../factory/control/server.ts';
import { EventBus, type Listener } from '../factory/events.ts';
import { layout } from '../factory/layout.ts';
import type { SiteView } from '../factory/site-view.ts';
import type { FactoryStatus } from '../factory/view.ts';
import { type Transcript, vacua } from './testing.ts';

/** A cloud with two machines, seen as the control API sees it. */
class FakeCloud extends FakeView {
  readonly #space: string;
  constructor(stateDir: string, space: string, n: number) {
    super(stateDir);
    this.#space = space;
    this.neighbours = [{ factory: 'wn01.example.com', heardAt: fakeNow, machinetypes: [] }];
    this.records = [
      runningMachine(n, 'job', {
        name: `vacua-job-${n}aaaaaaaa`,
        flavor: { id: 's', name: 'm1.small', processors: 1, memoryMb: 2048, diskGb: 20 },
        address: `192.0.2.${n}`,
      }),
    ];
  }
  override status(): FactoryStatus {
    const cloud = { api: 'openstack', manager: 'wn01.example.com' };
    return { ...super.status(), space: this.#space, provider: 'openstack', slots: 0, totalProcessors: 40, usedProcessors: 1, cloud, ...this.change };
  }
}

let stateDir: string;
let host: FakeView;
let red: FakeCloud;
let blue: FakeCloud;
let server: ControlServer;
const run = (...argv: string[]): Promise<Transcript> => vacua(stateDir, argv, { width: 120 });

beforeEach(async () => {
  stateDir = mkdtempSync(join(tmpdir(), 'vacua-cli-spaces-'));
  host = new FakeView(stateDir);
  [red, blue] = [new FakeCloud(stateDir, 'red.example.com', 21), new FakeCloud(stateDir, 'blue.example.com', 22)];
  const bus = new EventBus();
  const site: SiteView = {
    factories: () => [
      { space: 'vac01.example.com', view: host, bus },
      { space: 'blue.example.com', view: blue, bus },
      { space: 'red.example.com', view: red, bus },
    ],
    unserved: () => [{ space: 'green.example.com', why: 'vac.conf:9:1: api: required' }],
    configuration: () => host.configuration(),
    subscribe: (listener: (space: string) => Listener) => bus.subscribe(listener('vac01.example.com')),
  };
  server = new ControlServer({ site, socketPath: layout(stateDir).control, log: { warn: () => undefined }, now: () => fakeNow });
  await server.listen();
});
afterEach(async () => {
  await server.close();
  rmSync(stateDir, { recursive: true, force: true });
});

describe('one view of a host and clouds', () => {
  it('machines: each space under its name, with flavor and address at clouds; one alone with --space', async () => {
    const { out, code } = await run('machines');
    assert.equal(code, 0);
    assert.match(out, /^wn01\.example\.com: 2 of 4 processors used/);
    assert.match(out, /\nblue\.example\.com \(openstack\): 1 of 40 processors used, 1 running\nMACHINE +MACHINETYPE +STATE +CPUS +FLAVOR +ADDRESS/);
    assert.match(out, /\nvacua-job-22aaaaaaaa +job +Running +1 +m1\.small +192\.0\.2\.22 /);
    assert.match(out, /\nred\.example\.com \(openstack\)/);
    assert.match(out, /\ngreen\.example\.com: vac\.conf:9:1: api: required\n$/);
    const narrow = await run('machines', '--space', 'red.example.com');
    assert.match(narrow.out, /^red\.example\.com \(openstack\)/);
    assert.doesNotMatch(narrow.out, /blue|wn01/);
    const { machines } = JSON.parse((await run('machines', '--json')).out) as { machines: { space: string; name: string }[] };
    assert.deepEqual([...new Set(machines.map((m) => m.space))], ['vac01.example.com', 'blue.example.com', 'red.example.com']);
  });

  it('what keeps a space from work is said beside its machines, and by health', async () => {
    red.change = { cloud: { api: 'openstack', manager: 'm', trouble: { why: 'the password is wrong', nextTry: later(fakeNow, 40) } } };
    blue.change = { cloud: { api: 'openstack', manager: 'm', lease: { held: false, holder: 'other', text: 'the lease is held by other' } } };
    const { out } = await run('machines');
    assert.match(out, /its cloud cannot be reached: the password is wrong; tried again in 40s/);
    assert.match(out, /starts nothing: the lease is held by other/);
    const health = await run('health');
    assert.equal(health.code, 2);
    assert.match(health.out, /^CRITICAL: its cloud cannot be reached: the password is wrong \(1\/- 1\/40\) \[red\.example\.com\]; .*\[green\.example\.com\]/);
    assert.match((await run('health', '--space', 'vac01.example.com')).out, /^(ok|WARNING)/);
  });

  it('machinetypes, why, factories and shares: a heading for each space', async () => {
    const headings = (text: string): readonly string[] => [...text.matchAll(/^space (\S+?):?$/gm)].map(([, name]) => name ?? '');
    const all = ['vac01.example.com', 'blue.example.com', 'red.example.com', 'green.example.com'];
    for (const command of ['machinetypes', 'why', 'factories', 'shares']) {
      const { out, code } = await run(command);
      assert.equal(code, 0, command);
      assert.deepEqual(headings(out), all, command);
      const narrow = await run(command, '--space', 'red.example.com');
      assert.deepEqual([narrow.code, headings(narrow.out).filter((name) => name !== 'red.example.com')], [0, []], command);
    }
    const { spaces } = JSON.parse((await run('shares', '--json')).out) as { spaces: { space: string }[] };
    assert.deepEqual(
      spaces.map(({ space }) => space),
      all,
    );
    assert.match((await run('why', 'nothing')).err, /no machinetype "nothing" in any space/);
  });

  it('commands find a machine wherever it is', async () => {
    assert.equal((await run('destroy', 'vacua-job-21aaaaaaaa', '--yes')).code, 0);
    assert.equal((await run('hold', fakeId(22).slice(0, 8))).code, 0);
    assert.deepEqual([host.commands, red.commands, blue.commands], [[], [`destroy ${fakeId(21)}`], [`hold ${fakeId(22)} true`]]);
  });

  it('drain means all spaces, or the one that is named', async () => {
    assert.equal((await run('drain', 'on', '--space', 'red.example.com')).out, 'draining: no machine is started; those that run are left alone\n');
    assert.deepEqual([host.commands, red.commands, blue.commands], [[], ['drain true'], []]);
    assert.equal((await run('drain')).out, 'vac01.example.com: not draining\nblue.example.com: not draining\nred.example.com: draining\n');
    assert.equal((await run('drain', 'on')).out, 'vac01.example.com: draining\nblue.example.com: draining\nred.example.com: draining\n');
    const { code, err } = await run('drain', '--space', 'pink.example.com');
    assert.equal(code, 2);
    assert.match(err, /no space "pink\.example\.com"\nIt has: vac01\.example\.com, blue/);
  });

  it('top prints a frame for each space where there is no terminal', async () => {
    const { out, code } = await run('top');
    assert.equal(code, 0);
    for (const name of ['vac01', 'blue', 'red']) assert.match(out, new RegExp(`  ${name}\\.example\\.com  `));
  });
});
