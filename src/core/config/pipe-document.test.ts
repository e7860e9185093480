import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import type { Machinetype } from '../machinetype.ts';
import { machinetypeTable } from './machinetype-options.ts';
import { parsePipe } from './pipe-document.ts';
import { configured, settings } from './testing.ts';

const url = 'https://vo.example.org/pipe.json';
const pipe = (document: unknown, more = '', local = '') =>
  configured(`${settings}[vacuum_pipe vo]\nvacuum_pipe_url = ${url}\ntarget_share = 8\n${more}\n${local}`, { vo: document });
const one = (entry: Record<string, unknown>): { readonly machinetype: Machinetype | undefined; readonly lines: readonly string[] } => {
  const { configuration, lines } = pipe({ machinetypes: [{ suffix: 'prod', target_share: 1, root_image: 'https://vo.example.org/boot.iso', ...entry }] });
  return { machinetype: configuration?.machinetypes.get('vo-prod'), lines };
};

describe('vacuum pipes (spec/factory.md §4)', () => {
  it('the example of the specification', () => {
    const { configuration, lines, fromPipes } = pipe({
      cache_seconds: 3600,
      machinetypes: [
        {
          suffix: 'prod',
          target_share: 3.0,
          machine_model: 'cernvm3',
          root_image: 'https://vo.example.org/boot.iso',
          user_data: 'https://vo.example.org/user_data',
          backoff_seconds: 600,
          fizzle_seconds: 600,
          heartbeat_file: 'heartbeat',
          heartbeat_seconds: 600,
          min_wallclock_seconds: 9000,
          max_wallclock_seconds: 86400,
          max_processors: 1,
          accounting_fqan: '/vo/Role=pilot',
          user_data_proxy: 'true',
        },
        { suffix: 'test', target_share: 1.0, root_image: 'boot.iso', user_data_option_queue: 'test', legacy_proxy: true },
      ],
    });
    assert.deepEqual(lines, []);
    const [prod, test] = [configuration?.machinetypes.get('vo-prod'), configuration?.machinetypes.get('vo-test')];
    assert.deepEqual([prod?.targetShare, test?.targetShare], [6, 2]);
    assert.deepEqual([prod?.machinegroup, prod?.accountingFqan, prod?.userDataProxy, prod?.minWallclock], ['/vo/Role=pilot', '/vo/Role=pilot', true, 9000]);
    assert.deepEqual([test?.userDataOptions, test?.legacyProxy], [new Map([['queue', 'test']]), true]);
    assert.equal(prod?.filesDir, '/var/lib/vacua/machinetypes/vo/files');
    assert.equal(prod?.origin, url);
    assert.equal(fromPipes.get('vo'), 2);
  });

  it('shares are divided over all entries, skipped ones included, and an entry without one gets 0', () => {
    const { configuration } = pipe({
      machinetypes: [
        { suffix: 'a', target_share: '1' },
        { target_share: 2 },
        { suffix: 'b', target_share: 1 },
        { suffix: 'c' },
        { suffix: 'd', target_share: 'x' },
        { suffix: 'e', target_share: -4 },
      ],
    });
    assert.deepEqual(
      [...(configuration?.machinetypes.values() ?? [])].map((m) => [m.name, m.targetShare]),
      [
        ['vo-a', 2],
        ['vo-b', 2],
        ['vo-c', 0],
        ['vo-d', 0],
        ['vo-e', 0],
      ],
    );
    const none = pipe({ machinetypes: [{ suffix: 'a', target_share: 0 }] });
    assert.equal(none.configuration?.machinetypes.get('vo-a')?.targetShare, 0);
  });

  it('shares of a pipe never exceed its own', () => {
    const share = fc.oneof(fc.double(), fc.integer(), fc.string(), fc.constant(null), fc.constant(Number.MAX_VALUE));
    fc.assert(
      fc.property(fc.array(share, { maxLength: 6 }), (shares) => {
        const { configuration } = pipe({ machinetypes: shares.map((target_share, i) => ({ suffix: `s${i}`, target_share })) });
        const sum = [...(configuration?.machinetypes.values() ?? [])].reduce((total, m) => total + m.targetShare, 0);
        assert.ok(sum >= 0 && sum <= 8 + 1e-9, `${sum}`);
      }),
    );
  });

  it('precedence: local section, pipe section, pipe, [settings], built-in', () => {
    const { configuration, lines } = configured(
      `${settings}user_data_option_a = settings\nuser_data_option_b = settings\nuser_data_option_c = settings\nuser_data_option_d = settings\n` +
        `[vacuum_pipe vo]\nvacuum_pipe_url = ${url}\ntarget_share = 8\nbackoff_seconds = 2\nfizzle_seconds = 2\nuser_data_option_a = section\nuser_data_option_b = section\nmachines_dir_days = 9\n` +
        '[machinetype vo-prod]\nbackoff_seconds = 1\nuser_data_option_a = local\ntarget_share = 5\n',
      {
        vo: {
          machinetypes: [
            {
              suffix: 'prod',
              root_image: 'boot.iso',
              backoff_seconds: 3,
              fizzle_seconds: 3,
              heartbeat_seconds: 3,
              user_data_option_a: 'pipe',
              user_data_option_b: 'pipe',
              user_data_option_c: 'pipe',
            },
          ],
        },
      },
    );
    const m = configuration?.machinetypes.get('vo-prod');
    assert.deepEqual(lines, []);
    assert.deepEqual([m?.backoff, m?.fizzle, m?.heartbeat, m?.maxWallclock, m?.machinesDirDays, m?.targetShare], [1, 2, 3, 86_400, 9, 5]);
    assert.deepEqual(Object.fromEntries(m?.userDataOptions ?? []), { a: 'local', b: 'section', c: 'pipe', d: 'settings' });
  });

  it('a local section for a machinetype of a pipe without a copy waits for it', () => {
    const { configuration, lines } = configured(`${settings}[vacuum_pipe vo]\nvacuum_pipe_url = ${url}\n[machinetype vo-prod]\ntarget_share = 1\n`);
    assert.equal(configuration?.machinetypes.size, 0);
    assert.deepEqual(lines, ['vac.conf:5:1: [machinetype vo-prod]: completes a machinetype of a pipe which has not been read yet (warning)']);
  });

  it('a broken section disables its pipe alone', () => {
    const { configuration, lines } = configured(
      `${settings}[vacuum_pipe vo]\n[vacuum_pipe b c]\nvacuum_pipe_url = ${url}\n[vacuum_pipe d]\nvacuum_pipe_url = ftp://x\n[vacuum_pipe e]\nvacuum_pipe_url = ${url}\nbackoff_seconds = x\n[vacuum_pipe ok]\nvacuum_pipe_url = ${url}\n`,
      Object.fromEntries(['vo', 'd', 'e', 'ok'].map((prefix) => [prefix, { machinetypes: [{ suffix: 'x', root_image: 'y' }] }])),
    );
    assert.deepEqual([...(configuration?.machinetypes.keys() ?? [])], ['ok-x']);
    assert.equal(lines.length, 4, lines.join('\n'));
  });

  it('two pipes cannot define the same machinetype: the first counts', () => {
    const { configuration, lines } = configured(`${settings}[vacuum_pipe a]\nvacuum_pipe_url = ${url}\n[vacuum_pipe a-b]\nvacuum_pipe_url = ${url}2\n`, {
      a: { machinetypes: [{ suffix: 'b-c', root_image: 'first' }] },
      'a-b': { machinetypes: [{ suffix: 'c', root_image: 'second' }] },
    });
    assert.equal(configuration?.machinetypes.get('a-b-c')?.rootImage, 'first');
    assert.match(lines.join(), /has already been defined by another pipe/);
  });
});

describe('documents of the wrong shape', () => {
  for (const [text, message] of [
    ['<!DOCTYPE html><html></html>', /markup/],
    ['', /empty/],
    ['{"machinetypes": [', /not JSON/],
    ['[]', /not an object/],
    ['null', /not an object/],
    ['"text"', /not an object/],
    ['{}', /no list machinetypes/],
    ['{"machinetypes": {"a": 1}}', /no list machinetypes/],
    [JSON.stringify({ machinetypes: Array.from({ length: 1001 }, () => 1) }), /1001 machinetypes; valid: at most 1000/],
  ] as const) {
    it(`${text.slice(0, 30) || 'nothing'}`, () => {
      const read = parsePipe(text);
      assert.ok('wrong' in read);
      assert.match(read.wrong, message);
      assert.match(read.wrong, /valid: /);
    });
  }

  it('cache_seconds is bounded, and 3600 when it says nothing', () => {
    const cache = (cache_seconds: unknown): unknown => {
      const read = parsePipe(JSON.stringify({ cache_seconds, machinetypes: [] }));
      return 'wrong' in read ? read : read.cacheSeconds;
    };
    assert.deepEqual([600, '60', 0, -1, 1e12, 'x', null, {}, []].map(cache), [600, 60, 1, 1, 604_800, 3600, 3600, 3600, 3600]);
  });

  it('entries that are no entries are skipped', () => {
    const { configuration, lines } = pipe({
      machinetypes: [
        1,
        null,
        [],
        'x',
        {},
        { suffix: '' },
        { suffix: 'A_b' },
        { suffix: '../x' },
        { suffix: {} },
        { suffix: 'ok', root_image: 'x' },
        { suffix: 'OK' },
      ],
    });
    assert.deepEqual([...(configuration?.machinetypes.keys() ?? [])], ['vo-ok']);
    assert.equal(lines.length, 10, lines.join('\n'));
  });

  it('never throws, and what it lets through is safe', () => {
    const names = [...Object.keys(machinetypeTable), 'user_data_option_x', 'user_data_file_x', '__proto__', 'constructor', 'suffix'];
    fc.assert(
      fc.property(fc.array(fc.dictionary(fc.constantFrom(...names), fc.jsonValue()), { maxLength: 4 }), (machinetypes) => {
        const { configuration } = pipe({ machinetypes: machinetypes.map((entry, i) => ({ suffix: `s${i}`, ...entry })) });
        for (const m of configuration?.machinetypes.values() ?? []) assertSafe(m);
      }),
    );
  });

  it('a document full of nonsense does not fill the log', () => {
    const entry = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`key${i}`, 1]));
    assert.ok(pipe({ machinetypes: [{ suffix: 'a', root_image: 'x', ...entry }] }).lines.length < 40);
  });
});

/** Everything of a machinetype that names something on the host is one plain word, path or URL. */
function assertSafe(m: Machinetype): void {
  const strings = [
    m.rootImage,
    m.userData,
    m.initrd,
    m.heartbeatFile,
    m.rootDevice,
    m.scratchDevice,
    m.containerCommand,
    m.accountingFqan,
    m.machinegroup,
    ...m.tmpBinds,
    ...m.cvmfsRepositories,
    ...m.userDataFiles.values(),
    ...m.userDataFiles.keys(),
  ];
  for (const text of strings) assert.match(text ?? '', /^(?!.*(^|\/)\.\.(\/|$))[^\s\p{C}"'`;<>\\|]*$/u);
  assert.doesNotMatch(m.kernelArguments, /["'`;<>\\|\n]|\.\.\//);
  for (const text of m.userDataOptions.values()) assert.doesNotMatch(text, /\p{C}/u);
}

describe('hostile values in every key', () => {
  const hostile = [
    '; reboot',
    'x; reboot',
    '$(reboot)',
    '`reboot`',
    '../../etc/shadow',
    'a/../../b',
    '/etc/shadow',
    'file:///etc/shadow',
    `x"y`,
    `x'y`,
    'x\ny',
    'x\r\ny',
    'x\u0000y',
    '<x/>',
    'x|y',
    'x&y',
    '\u202eabc',
    'x '.repeat(6000),
  ];
  const inside = ['tmp_binds', 'accounting_fqan', 'container_command', 'image_signing_dn', 'kernel_arguments'];
  const keys = Object.entries(machinetypeTable).flatMap(([name, row]) => (row.pipe ? [name] : []));
  for (const key of [...keys, 'user_data_file_x']) {
    it(key, () => {
      const usual = one({ machine_model: 'docker', root_image: 'docker://x/y' }).machinetype;
      for (const value of hostile) {
        // A name or a path inside the machine, which the tenant chooses.
        if (value.endsWith('/etc/shadow') && !value.includes('..') && inside.includes(key)) continue;
        const { machinetype, lines } = one({ machine_model: 'docker', root_image: 'docker://x/y', [key]: value });
        assert.ok(lines.length > 0, `${key} ${JSON.stringify(value)} is told`);
        for (const line of lines) assert.doesNotMatch(line, /\p{C}/u);
        if (!machinetype) continue;
        assertSafe(machinetype);
        assert.deepEqual({ ...machinetype, rootImage: usual?.rootImage }, { ...usual, rootImage: usual?.rootImage }, `${key} ${JSON.stringify(value)}`);
      }
    });
  }

  it('keys that a pipe may not set are ignored with a message', () => {
    for (const key of [
      'machinegroup',
      'machines_dir_days',
      'announce_lifetime_as_shutdown',
      'vacuum_pipe_url',
      'total_processors',
      'cernvm_signing_dn',
      'user_data_option_A',
      '__proto__x',
    ]) {
      const { machinetype, lines } = one({ [key]: 'yes' });
      assert.ok(machinetype);
      assert.match(lines.join(), /a pipe may not set this; ignored/, key);
    }
  });

  it('what a check depends on fails closed', () => {
    for (const entry of [
      { image_signing_dn: '(a+)+' },
      { image_signing_dn: ['x'] },
      { root_image_sha256: 'none' },
      { root_device: 'vda;' },
      { machine_model: 'cernvm9' },
    ]) {
      assert.equal(one(entry).machinetype, undefined, JSON.stringify(entry));
    }
  });

  it('useful values pass', () => {
    const good = {
      root_image: 'https://vo.example.org:8443/images/boot_1.2~3.iso?arch=x86_64&x=1',
      user_data: 'http://vo.example.org/~pilot/user_data.txt',
      image_signing_dn: '/CN=cvm-sign01\\.cern\\.ch$',
      container_command: '/bin/run.sh',
      cvmfs_repositories: 'grid.cern.ch lhcb.cern.ch',
      tmp_binds: '/scratch /tmp/work',
      machine_model: 'vm-raw',
      initrd: 'https://vo.example.org/initrd.gz',
      kernel_arguments: 'console=ttyS0 quiet root=/dev/vda1',
      root_image_sha256: 'AB'.repeat(32),
      scratch_gb_per_processor: 20,
      user_data_option_cvmfs_proxy: 'http://a:3128;http://b:3128|DIRECT "x"',
      user_data_file_key: 'key.txt',
    };
    const { machinetype: m, lines } = one(good);
    assert.deepEqual(
      lines.filter((line) => !line.includes('machine_model')),
      [],
    );
    assert.deepEqual(
      [m?.rootImage, m?.userData, m?.imageSigningDn, m?.containerCommand],
      [good.root_image, good.user_data, good.image_signing_dn, good.container_command],
    );
    assert.deepEqual(
      [m?.cvmfsRepositories, m?.tmpBinds, m?.initrd, m?.rootImageSha256],
      [['grid.cern.ch', 'lhcb.cern.ch'], ['/scratch', '/tmp/work'], good.initrd, 'ab'.repeat(32)],
    );
    assert.deepEqual(
      [m?.kernelArguments, m?.scratchGbPerProcessor, m?.userDataOptions.get('cvmfs_proxy'), m?.userDataFiles.get('key')],
      [good.kernel_arguments, 20, good.user_data_option_cvmfs_proxy, 'key.txt'],
    );
  });

  it('paths as in the rule on paths', () => {
    const image = (root_image: string) => one({ root_image }).machinetype?.rootImage;
    assert.deepEqual(
      ['boot.iso', '/cvmfs/x.org/i.img', '/var/x', 'a/b', '/cvmfs/../etc/x', '/cvmfs/x/..', 'http://x/a/../b', 'ftp://x/y', '.hidden', '..'].map(image),
      ['boot.iso', '/cvmfs/x.org/i.img', ...Array.from({ length: 8 }, () => undefined)],
    );
  });

  it('so do a thousand broken entries: the first are told and the others counted, and none of them is used', () => {
    for (const broken of [{ root_device: 'sda.1' }, { machine_model: 'other' }, { min_processors: 2 }]) {
      const machinetypes = Array.from({ length: 1000 }, (_, i) => ({ suffix: `s${i}`, root_image: 'x', ...(i === 500 ? {} : broken) }));
      const { configuration, lines } = pipe({ machinetypes });
      assert.deepEqual([...(configuration?.machinetypes.keys() ?? [])], ['vo-s500']);
      assert.equal(lines.length, 26);
      assert.equal(lines.at(-1), `${url}: [vacuum_pipe vo]: … and 974 more problems of this document (warning)`);
    }
  });
});

it('a machinetype knows which of its URLs the pipe has written; those of the files of the site count as its own', () => {
  const entry = { suffix: 'prod', root_image: 'https://vo.example.org/a.iso', user_data: 'http://127.0.0.1/u', initrd: 'initrd' };
  const names = (more = '', local = '') => pipe({ machinetypes: [entry] }, more, local).configuration?.machinetypes.get('vo-prod')?.pipe;
  assert.deepEqual(names(), { host: '', names: ['rootImage', 'userData'] });
  assert.deepEqual(names('user_data = http://127.0.0.1/u\n'), { host: '', names: ['rootImage'] });
  assert.deepEqual(names('', '[machinetype vo-prod]\nroot_image = http://127.0.0.1/i\n'), { host: '', names: ['userData'] });
  const here = configured(`${settings}[vacuum_pipe vo]\nvacuum_pipe_url = http://127.0.0.1:8080/pipe\n`, { vo: { machinetypes: [entry] } });
  assert.deepEqual(here.configuration?.machinetypes.get('vo-prod')?.pipe, { host: '127.0.0.1', names: ['rootImage', 'userData'] });
  assert.equal(configured(`${settings}[machinetype own]\nroot_image = http://127.0.0.1/i\n`).configuration?.machinetypes.get('own')?.pipe, undefined);
});
