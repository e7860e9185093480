import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { type Finding, hostNameFinding, nodeFinding, stateDirFinding } from './doctor.ts';
import { doctorView } from './views/doctor.ts';

it('Node older than 24 is not enough', () => {
  assert.equal(nodeFinding('24.21.0').ok, true);
  assert.equal(nodeFinding('18.19.0').ok, false);
});

it('the host name needs a dot, unless the configuration names the factory', () => {
  assert.equal(hostNameFinding('wn01.example.com', undefined).ok, true);
  assert.equal(hostNameFinding('wn01', undefined).ok, false);
  assert.equal(hostNameFinding('wn01', 'wn01.example.com').ok, true);
});

it('the state directory is one that can be made, or one that nobody else may write to', () => {
  const top = mkdtempSync(join(tmpdir(), 'vacua-doctor-'));
  try {
    assert.deepEqual([stateDirFinding(top).ok, stateDirFinding(join(top, 'a', 'b')).text], [true, `${join(top, 'a', 'b')} will be made`]);
    writeFileSync(join(top, 'file'), '');
    assert.match(stateDirFinding(join(top, 'file')).text, /not a directory/);
    chmodSync(top, 0o777);
    assert.deepEqual([stateDirFinding(top).ok, stateDirFinding(top).remedy], [false, `chmod go-w ${top}`]);
  } finally {
    rmSync(top, { recursive: true });
  }
});

it('findings are shown with the way to get what is missing', () => {
  const findings: Finding[] = [
    { name: 'node', ok: true, required: true, text: 'version 24' },
    { name: 'kvm', ok: false, required: false, text: 'absent', remedy: 'modprobe kvm' },
    { name: 'qemu', ok: false, required: true, text: 'not \x1binstalled', remedy: 'apt-get install qemu' },
  ];
  assert.deepEqual(doctorView(findings, 80, false), [
    'ok     node  version 24',
    'note   kvm   absent',
    '       → modprobe kvm',
    'LACKS  qemu  not \\x1binstalled',
    '       → apt-get install qemu',
    '1 thing is missing before this host can run a factory.',
  ]);
  assert.equal(doctorView(findings.slice(0, 2), 80, false).at(-1), 'This host can run a factory.');
});
