import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { configured, settings, testEnvironment } from './testing.ts';
import { machinetypeTable } from './machinetype-options.ts';
import { settingsTable } from './settings-options.ts';

/** Texts of all problems with one further line in [settings]. */
const withSetting = (line: string) => configured(`${settings}${line}\n`);
const withOption = (line: string) => configured(`${settings}[machinetype a]\nroot_image = x\n${line}\n`);

describe('[settings]', () => {
  it('defaults of spec/factory.md §3.2', () => {
    const { configuration, lines } = configured(settings);
    assert.deepEqual(lines, []);
    const s = configuration?.settings;
    assert.ok(s);
    assert.equal(s.space, 'vac01.example.com');
    assert.deepEqual(s.factories, []);
    assert.deepEqual([s.processorsPerSuperslot, s.mbPerProcessor, s.overloadPerProcessor, s.udpTimeout, s.versionLogger], [1, 2048, 1.25, 10, 0]);
    assert.deepEqual([s.draining, s.fixNetworking, s.outbound, s.userDataFallback], [false, true, true, false]);
    assert.deepEqual(
      [s.totalProcessors, s.hs06PerProcessor, s.volumeGroup, s.diskGbPerProcessor, s.shutdownTime],
      [undefined, undefined, undefined, undefined, undefined],
    );
    assert.deepEqual([s.factoryName, s.provider, s.stateDir, s.bootConcurrency, s.startRatePerMinute], ['wn01.example.com', 'qemu', '/var/lib/vacua', 12, 60]);
    assert.deepEqual([s.minFreeDiskBytes, s.joboutputsMaxBytes, s.joboutputsMaxFiles, s.consoleMaxBytes], [2 ** 30, 100 * 2 ** 20, 1000, 2 ** 20]);
  });

  const wrong: readonly (readonly [string, RegExp])[] = [
    ['mb_per_processor = 2 GB', /^vac.conf:3:20: mb_per_processor: "2 GB" is not a whole number; valid: a whole number of MiB, 1 or more$/],
    ['mb_per_processor = 0', /mb_per_processor: 0 is out of range; valid: .* 1 or more/],
    ['processors_per_superslot =', /processors_per_superslot: no value is given; valid/],
    ['total_processors = 9', /^vac.conf:3:20: total_processors: 9 is more than the host has; valid: 0 to 8$/],
    ['cpu_total = 9', /^vac.conf:3:13: cpu_total: 9 is more/],
    ['overload_per_processor = nan', /overload_per_processor: "nan" is not a number/],
    ['udp_timeout_seconds = 0', /udp_timeout_seconds: 0 is out of range; valid: a number of seconds greater than 0/],
    ['shutdown_time = tomorrow', /shutdown_time: "tomorrow" is not a whole number/],
    ['factories = wn02', /^vac.conf:3:13: factories: this factory, "wn01.example.com", is not among them; add it or a dot, or set factory_name$/],
    ['factories = . wn_2', /^vac.conf:3:15: factories: "wn_2" cannot stand in this list; valid/],
    ['factories = . vac01.example.com', /vac_space: vac01.example.com is the name of a factory/],
    ['vacmon_hostport = a:1 B:2', /^vac.conf:3:23: vacmon_hostport: "B:2" cannot stand in this list/],
    ['machinefeatures_option_a-b = x', /machinefeatures_option_a-b: the name after machinefeatures_option_; valid: letters a-z, digits and underscores/],
    ['user_data_option_ = x', /user_data_option_: no name follows after user_data_option_/],
    ['volume_group = vg9', /volume_group: there is no volume group "vg9" on this host/],
    ['singularity_user = root', /singularity_user: containers must not run as root/],
    ['singularity_user = nobody', /singularity_user: there is no user "nobody"/],
    ['provider = qmu', /provider: "qmu" is not one of the words; did you mean qemu\?; valid: qemu, sim/],
    [
      'factory_name = wn01',
      /^vac.conf:3:16: factory_name: "wn01" contains no dot; set factory_name in \[settings\] to a fully qualified name such as wn01.example.com/,
    ],
    ['state_dir = var', /state_dir: "var" is not a path; valid: an absolute path/],
    ['host_services = 3128=squid:3128 80=x:80', /^vac.conf:3:33: host_services: port 80 belongs to the guest service/],
    ['host_services = 3128=squid', /host_services: "3128=squid" is not of the form PORT=HOST:PORT/],
    ['host_services = 0=squid:1', /host_services/],
    ['outbound = yse', /outbound: "yse" is neither yes nor no; did you mean yes\?/],
    ['group_share = vac', /group_share: "vac" is not one of the words/],
  ];
  for (const [line, message] of wrong) {
    it(`refuses ${line}`, () => {
      const { configuration, lines } = withSetting(line);
      assert.equal(configuration, undefined);
      const errors = lines.filter((told) => !told.endsWith('(warning)'));
      assert.equal(errors.length, 1, lines.join('\n'));
      assert.match(errors[0] ?? '', message);
    });
  }

  it('a host name without a dot is refused with what to write', () => {
    const { configuration, lines } = configured(settings, {}, { hostName: 'wn01' });
    assert.equal(configuration, undefined);
    assert.match(lines.join(), /factory_name: the host name "wn01" contains no dot; set factory_name in \[settings\] to .* wn01.example.com/);
    assert.equal(configured(`${settings}factory_name = WN01.example.com\n`, {}, { hostName: 'wn01' }).configuration?.settings.factoryName, 'wn01.example.com');
  });

  it('vac_space is required', () => {
    assert.match(configured('[settings]\ndraining = no\n').lines.join(), /^vac.conf:1:1: vac_space: required/);
    assert.match(configured('').lines.join(), /vac_space: required/);
  });

  it('names of factories are completed', () => {
    const { configuration } = withSetting('factories = . WN02\n  wn03.other.org');
    assert.deepEqual(configuration?.settings.factories, ['wn01.example.com', 'wn02.example.com', 'wn03.other.org']);
  });

  it('old names count, with a warning, and win over the new ones except for superslots', () => {
    const { configuration, lines } = withSetting(
      'mb_per_cpu = 1\nmb_per_processor = 2\ncpu_per_machine = 3\nprocessors_per_superslot = 4\nscratch_gb = 5\noverload_per_cpu = 2',
    );
    const s = configuration?.settings;
    assert.deepEqual([s?.mbPerProcessor, s?.processorsPerSuperslot, s?.diskGbPerProcessor, s?.overloadPerProcessor], [1, 4, 5, 2]);
    assert.match(lines.join('\n'), /mb_per_cpu: old name of mb_per_processor/);
    assert.match(lines.join('\n'), /mb_per_processor: mb_per_cpu is also given and counts instead/);
    assert.match(lines.join('\n'), /cpu_per_machine: processors_per_superslot is also given and counts instead/);
    assert.equal(withSetting('vcpu_per_machine = 8').configuration?.settings.processorsPerSuperslot, 8);
  });

  it('unknown and forgotten options are warnings with a suggestion', () => {
    const { configuration, lines } = withSetting('total_procesors = 4\nmb_per_machine = 5\ntotal_machines = 3\nversion_logger = often\ndrainin = yes');
    assert.ok(configuration);
    assert.deepEqual(lines, [
      'vac.conf:3:1: total_procesors: not an option of [settings] and ignored; did you mean total_processors? (warning)',
      'vac.conf:4:1: mb_per_machine: has no effect: memory is counted per processor; write mb_per_processor (warning)',
      'vac.conf:5:1: total_machines: has no effect: slots follow from the processors of the host; write total_processors (warning)',
      'vac.conf:6:18: version_logger: read as 0; valid: a whole number per day (warning)',
      'vac.conf:7:1: drainin: not an option of [settings] and ignored; did you mean draining? (warning)',
    ]);
  });

  for (const [text, draining, told] of [
    ['yes', true, false],
    ['YES', true, false],
    ['true', true, true],
    ['on', true, true],
    ['no', false, false],
    ['false', false, false],
    ['yess', false, true],
  ] as const) {
    it(`draining = ${text} is ${draining}`, () => {
      const { configuration, lines } = withSetting(`draining = ${text}`);
      assert.equal(configuration?.settings.draining, draining);
      assert.equal(lines.length, told ? 1 : 0, lines.join());
    });
  }

  it('every problem is told at once, in the order of the lines', () => {
    const { lines } = configured(
      '[settings]\nmb_per_processor = x\nudp_timeout_seconds = y\nfactories = wn02\n[machinetype A_B]\n[machinetype c]\nmax_processors = z\n',
    );
    assert.deepEqual(
      lines.map((line) => line.split(':').slice(1, 4).join(':')),
      ['1:1: vac_space', '2:20: mb_per_processor', '3:23: udp_timeout_seconds', '4:13: factories', '5:1: [machinetype A_B]', '7:18: max_processors'],
    );
  });

  it('host services', () => {
    assert.deepEqual(withSetting('host_services = 3128=squid.example.com:3128 8080=[::1]:80').configuration?.settings.hostServices, [
      { port: 3128, host: 'squid.example.com', targetPort: 3128 },
      { port: 8080, host: '::1', targetPort: 80 },
    ]);
  });
});

describe('[machinetype NAME]', () => {
  it('defaults of spec/factory.md §3.3', () => {
    const m = configured(
      `${settings}user_data_option_a = 1\ndisk_gb_per_processor = 7\n[MachineType Prod-1]\nROOT_IMAGE = https://x/y\n`,
    ).configuration?.machinetypes.get('prod-1');
    assert.deepEqual(m, {
      name: 'prod-1',
      targetShare: 0,
      machinegroup: 'prod-1',
      model: 'cernvm3',
      rootImage: 'https://x/y',
      kernelArguments: '',
      rootDevice: 'vda',
      scratchDevice: 'vdb',
      userDataOptions: new Map([['a', '1']]),
      userDataFiles: new Map(),
      userDataProxy: false,
      legacyProxy: false,
      containerCommand: '/user_data',
      cvmfsRepositories: [],
      tmpBinds: [],
      diskGbPerProcessor: 7,
      minProcessors: 1,
      maxProcessors: 1,
      maxWallclock: 86400,
      minWallclock: 86400,
      backoff: 10,
      fizzle: 600,
      heartbeat: 0,
      machinesDirDays: 3,
      announceLifetimeAsShutdown: false,
      filesDir: '/var/lib/vacua/machinetypes/prod-1/files',
      origin: 'vac.conf:5',
    });
  });

  const wrong: readonly (readonly [string, RegExp])[] = [
    ['max_wallclock_seconds = 1 day', /^vac.conf:5:25: max_wallclock_seconds: "1 day" is not a whole number/],
    ['target_share = much', /target_share: "much" is not a number/],
    [
      'machine_model = vmraw',
      /machine_model: "vmraw" is not one of the words; did you mean vm-raw\?; valid: cernvm3, cernvm4, vm-raw, kernel, docker, singularity/,
    ],
    ['root_device = ../vda', /root_device: "..\/vda" is not a device name/],
    ['min_processors = 2', /min_processors: the largest machine would be 1 and the smallest 2 processors/],
    ['max_processors = 2\nmin_processors = 4', /^vac.conf:5:18: max_processors: the largest/],
    ['image_signing_dn = (', /image_signing_dn: "\(" is not a regular expression/],
    ['root_image_sha256 = 12', /root_image_sha256: "12" is not a SHA-256; valid: 64 hexadecimal digits/],
    ['heartbeat_file = ../x', /heartbeat_file: "..\/x" is not a file name/],
    ['user_data_option_A-b = 1', /user_data_option_a-b: the name/],
    ['tmp_binds = /tmp /../etc', /^vac.conf:5:18: tmp_binds: "\/..\/etc" cannot stand/],
    ['announce_lifetime_as_shutdown = maybe', /announce_lifetime_as_shutdown: "maybe" is neither yes nor no/],
  ];
  for (const [line, message] of wrong) {
    it(`${line.replace('\n', ', ')} disables that machinetype alone`, () => {
      const { configuration, lines, problems } = configured(`${settings}[machinetype a]\nroot_image = x\n${line}\n[machinetype b]\nroot_image = x\n`);
      assert.match(lines.join('\n'), new RegExp(message.source, 'm'));
      assert.deepEqual([...(configuration?.machinetypes.keys() ?? [])], ['b']);
      assert.deepEqual(problems[0]?.disables, { kind: 'machinetype', name: 'a' });
    });
  }

  it('docker images need the model docker', () => {
    assert.match(configured(`${settings}[machinetype a]\nroot_image = docker://x/y\n`).lines.join(), /root_image: docker:\/\/ needs machine_model = docker/);
    assert.deepEqual(configured(`${settings}[machinetype a]\nroot_image = docker://x/y\nmachine_model = docker\n`).lines, []);
  });

  it('a disk size that is not a number is ignored (spec/factory.md §3.3)', () => {
    const { configuration, lines } = withOption('disk_gb_per_processor = big');
    assert.ok(configuration?.machinetypes.has('a'));
    assert.match(lines.join(), /disk_gb_per_processor: .*; ignored \(warning\)/);
  });

  it('a malformed line or name disables that machinetype alone', () => {
    const { configuration, lines } = configured(`${settings}[machinetype a]\noops\n[machinetype b/c]\n[machinetype]\n[machinetype d]\nroot_image = x\n`);
    assert.deepEqual([...(configuration?.machinetypes.keys() ?? [])], ['d']);
    assert.equal(lines.length, 3);
  });

  it('a name of the machinetype hides both forms of the same name in [settings]', () => {
    const { configuration } = configured(
      `${settings}user_data_option_x = site\nuser_data_file_y = /site\n[machinetype a]\nroot_image = x\nuser_data_file_x = own\nuser_data_option_y = own\n`,
    );
    const m = configuration?.machinetypes.get('a');
    assert.deepEqual([m?.userDataOptions, m?.userDataFiles], [new Map([['y', 'own']]), new Map([['x', 'own']])]);
  });

  it('deprecated section and options', () => {
    const { configuration, lines } = configured(
      `${settings}[vmtype a]\nroot_image = x\nvm_model = vm-raw\nmachineoutputs_days = 0.5\ncernvm_signing_dn = /CN=x\nlog_machineoutputs = True\n`,
    );
    const m = configuration?.machinetypes.get('a');
    assert.deepEqual([m?.model, m?.machinesDirDays, m?.imageSigningDn], ['vm-raw', 0.5, '/CN=x']);
    assert.equal(lines.length, 5);
    assert.ok(lines.every((line) => line.endsWith('(warning)')));
  });
});

describe('merging', () => {
  it('later files replace earlier ones option by option; sections of one name merge', () => {
    const { configuration, lines } = configured([
      `${settings}mb_per_processor = 1000\n[machinetype a]\ntarget_share = 1\nroot_image = x\n`,
      '[settings]\nmb_per_processor = 2000\n[machinetype A]\ntarget_share = 2\n',
      '[settings]\nshutdown_time = 1700000000\n',
    ]);
    assert.deepEqual(lines, []);
    assert.deepEqual([configuration?.settings.mbPerProcessor, configuration?.settings.shutdownTime], [2000, 1_700_000_000_000]);
    assert.deepEqual([configuration?.machinetypes.get('a')?.targetShare, configuration?.machinetypes.get('a')?.rootImage], [2, 'x']);
  });

  it('[DEFAULT] supplies every section', () => {
    const { configuration, lines } = configured(
      `[DEFAULT]\nfizzle_seconds = 1\nbackoff_seconds = 2\nvac_space = vac01.example.com\nnonsense = 1\n[settings]\n[machinetype a]\nroot_image = x\nfizzle_seconds = 3\n`,
    );
    const m = configuration?.machinetypes.get('a');
    assert.deepEqual([m?.fizzle, m?.backoff], [3, 2]);
    assert.equal(configuration?.settings.space, 'vac01.example.com');
    assert.deepEqual(lines.length, 1);
    assert.match(lines.join(), /nonsense: not an option of \[DEFAULT\]/);
  });

  it('unknown sections are warnings with a suggestion; [settings] must be spelled exactly so', () => {
    const { configuration, lines } = configured(`${settings}[machinetpe a]\n[Settings]\ndraining = yes\n[virtualmachine wn01-00]\n[defaults]\n`);
    assert.equal(configuration?.settings.draining, false);
    assert.equal(lines.length, 4);
    assert.match(lines[0] ?? '', /did you mean machinetype\?/);
    assert.match(lines[1] ?? '', /did you mean settings\?/);
    assert.match(lines[2] ?? '', /\[virtualmachine wn01-00\]: ignored: slots follow from the processors/);
    assert.match(lines[3] ?? '', /did you mean DEFAULT\?/);
  });
});

describe('early files (spec/factory.md §3.2, §23)', () => {
  it('[factories] names is an error with the line to write, unless factories is given', () => {
    const { configuration, lines } = configured([`${settings}`, '[factories]\nnames = wn01.example.com wn02.example.com\n']);
    assert.equal(configuration, undefined);
    assert.match(lines.join(), /^2.conf:2:1: names: no longer read; write factories = wn01.example.com wn02.example.com in \[settings\]/);
    assert.ok(configured([`${settings}factories = .\n`, '[factories]\nnames = x\n']).configuration);
  });
  it('a share in [targetshares] is an error of the machinetype that has none', () => {
    const { configuration, lines } = configured(
      `${settings}[vmtype a]\nroot_image = x\n[vmtype b]\nroot_image = x\ntarget_share = 1\n[targetshares]\na = 3\nb = 4\nc = 5\n`,
    );
    assert.deepEqual([...(configuration?.machinetypes.keys() ?? [])], ['b']);
    assert.match(lines.join('\n'), /a: no longer read here; write target_share = 3 in \[machinetype a\]$/m);
    assert.match(lines.join('\n'), /b: ignored: the share in the section/);
    assert.match(lines.join('\n'), /c: ignored: there is no machinetype of this name/);
  });
});

it('no option of a table is without words for people', () => {
  for (const [name, row] of Object.entries({ ...settingsTable, ...machinetypeTable })) {
    assert.ok(row.valid.length > 1 && row.about.length > 5 && row.otherwise.length > 0, name);
    const reading = row.read('\n;"');
    if ('wrong' in reading) assert.ok(reading.wrong.length > 5, name);
  }
  assert.equal(testEnvironment.processors, 8);
});
