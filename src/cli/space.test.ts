import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { fakeAnswer, fakeFactoryFacts, fakeMachinetype, fakeSpaceNow } from '../core/space/fake-answers.ts';
import { later } from '../core/units.ts';
import { CensusFiles } from '../factory/census.ts';
import { ago, fakeNow } from '../factory/control/fake-view.ts';
import { FakeSpace } from '../factory/fake-space.ts';
import { layout } from '../factory/layout.ts';
import { canonical } from './space-source.ts';
import { type Transcript, vacua, withFactory } from './testing.ts';

let stateDir = '';
before(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'vacua-space-'));
});
after(() => rmSync(stateDir, { recursive: true, force: true }));

/** A host without a daemon, with a configuration for this space. */
async function hostOf(space: FakeSpace, more = ''): Promise<(...argv: readonly string[]) => Promise<Transcript>> {
  const file = join(stateDir, 'vac.conf');
  writeFileSync(
    file,
    `[settings]\nvac_space = vac01.example.com\nfactory_name = ${space.factories[0]}\nfactories = ${space.factories.join(' ')}\nvacquery_port = ${space.port}\n${more}
[machinetype red-prod]\ntarget_share = 3\nroot_image = x\n[machinetype blue]\ntarget_share = 1\nroot_image = x\n`,
  );
  return (...argv) => vacua(stateDir, ['--config', file, ...argv]);
}

it('without a daemon all factories of the configuration are asked, hundreds of them', async () => {
  await using space = await FakeSpace.open({ count: 200, answer: (factory, i) => fakeAnswer(factory, i === 7 ? 'silent' : 'complete') });
  const run = await hostOf(space);
  const { code, out, err } = await run('factories', '-t', '1');
  assert.deepEqual([code, err], [0, '']);
  const lines = out.trimEnd().split('\n');
  assert.equal(lines[0], 'vac01.example.com: 199 of 200 factories answered; 1194 of 1592 processors used, 995 machines running');
  assert.equal(lines.length, 1 + 1 + 199 + 2);
  assert.match(lines.at(-1) ?? '', /^127\.17\.0\.7 .* not known$/);
  assert.match(
    (await run('shares', '-t', '1')).out,
    /^red-prod +75\.0% +66\.7% +7960\.0 +796\nblue +25\.0% +33\.3% +3980\.0 +398\nNot counted, since silent: 127\.17\.0\.7\n$/m,
  );
  assert.match(
    (await run('machinetype', 'blue', '-t', '1')).out,
    /^blue in vac01\.example\.com: 398 machines, 3980\.0 HS06 on 199 factories; 199 of 200 answered\n/,
  );
  assert.match((await run('top', '-t', '1')).out, /199 factories, 1 silent {2}1194\/1592 cpus {2}995 machines/);
});

it('some factories: those named; --space needs no configuration at all', async () => {
  await using space = await FakeSpace.open({ count: 3, space: 'other.example.org' });
  const { code, out } = await vacua(stateDir, ['machines', '--space', 'other.example.org', '--port', String(space.port), '-t', '1', '127.17.0.2']);
  assert.equal(code, 0);
  assert.match(out, /^other\.example\.org: 1 of 1 factories answered; 1 machine running, 1 starting\n/);
  assert.equal(out.trimEnd().split('\n').length, 1 + 1 + 3);
});

it('nobody answers: status 3, and a factory that is silent now was last seen 3 h ago', async () => {
  await using space = await FakeSpace.open({ count: 2, answer: (factory) => fakeAnswer(factory, 'silent') });
  await new CensusFiles(layout(stateDir).census, () => 'vac01.example.com').store([fakeAnswer('127.17.0.1')], later(fakeSpaceNow, -3 * 3600));
  const run = await hostOf(space);
  const { code, out } = await run('factories', '-t', '0.1');
  assert.equal(code, 3);
  assert.match(out, /^127\.17\.0\.1 +3h 00m ago$/m);
  assert.equal((await run('shares', '-t', '0.1')).code, 3);
  assert.equal((await run('machinetype', 'blue', '-t', '0.1')).code, 3);
});

it('what cannot be asked is wrong use with a next step', async () => {
  const file = join(stateDir, 'alone.conf');
  writeFileSync(file, '[settings]\nvac_space = vac01.example.com\nfactory_name = wn01.example.com\n');
  const alone = await vacua(stateDir, ['factories', '--config', file]);
  assert.deepEqual([alone.code, alone.out], [2, '']);
  assert.match(alone.err, /it is not known which factories vac01\.example\.com has\nName them: vacua factories --space NAME FACTORY…/);
  writeFileSync(file, '[settings]\n');
  const broken = await vacua(stateDir, ['factories', '--config', file]);
  assert.equal(broken.code, 2);
  assert.match(broken.err, /the configuration cannot be used/);
  for (const wrong of ['../x', '-', 'a b', '\x1b[2J']) assert.equal((await vacua(stateDir, ['factories', '--', wrong])).code, 2, wrong);
});

it('answers of hostile factories are made harmless', async () => {
  const evil = '\x1b]52;c;AAAA\x07\u202e\x9b2J';
  await using space = await FakeSpace.open({
    count: 1,
    answer: (factory) => {
      const { machines, ...answer } = fakeAnswer(factory);
      return {
        ...answer,
        version: evil,
        factoryFacts: { ...fakeFactoryFacts, osIssue: evil, maxProcessors: 1e12, memTotalKb: Number.MAX_VALUE },
        machinetypes: [fakeMachinetype('blue', 1, { shutdownMessage: `300 ${evil}` })],
        machines: machines.map((m) => ({ ...m, ...(m.shutdownMessage !== undefined && { shutdownMessage: evil.repeat(100) }) })),
      };
    },
  });
  const run = await hostOf(space);
  for (const command of ['factories', 'machines -w --all', 'machinetype blue', 'shares', 'top', 'factories --json', 'machines -w --json']) {
    const { code, out } = await run(...command.split(' '));
    assert.equal(code, 0, command);
    assert.doesNotMatch(out.replaceAll('\n', ''), /\p{Cc}|\p{Cf}/u, command);
  }
});

it('with a daemon, problems, strangers and what it counts are told', async () => {
  await withFactory(async ({ view, run }) => {
    view.ignored = { unsigned: 3, other_key: 1 };
    const { space } = view;
    view.space = () => ({
      ...space.call(view),
      problems: ['UDP port 995 is taken by another program'],
      strangers: [{ address: '192.0.2.66', why: 'signed with another key (key 0badc0de)', count: 4, at: ago(30) }],
    });
    const { out } = await run('factories');
    assert.match(
      out,
      /^Messages that were not believed: 3 unsigned, 1 other key\n {2}192\.0\.2\.66: signed with another key \(key 0badc0de\), 4 times, 30s ago\nUDP port 995 is taken/m,
    );
  });
});

it('more names than a request may carry are chosen from all answers', async () => {
  await withFactory(async ({ view, run }) => {
    const names = Array.from({ length: 250 }, (_, i) => `x${i}`);
    const { code, out } = await run('factories', 'wn03', ...names);
    assert.equal(code, 0);
    assert.match(out, /^vac01\.example\.com: 1 of 1 factories/);
    assert.deepEqual(view.commands, ['ask factories wn01.example.com wn02.example.com wn03.example.com within 2']);
  });
});

it('names are completed as the configuration does it', () => {
  assert.deepEqual(canonical(['.', 'WN02', 'wn03.Other.org', 'wn02', '192.0.2.1'], 'wn01.example.com'), [
    'wn01.example.com',
    'wn02.example.com',
    'wn03.other.org',
    '192.0.2.1',
  ]);
});

it('the fake space and the fake factory stand at one moment', () => assert.equal(fakeNow, fakeSpaceNow));
