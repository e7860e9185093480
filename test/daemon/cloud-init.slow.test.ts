import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { QemuProvider } from '../../src/providers/qemu/index.ts';
import { layout } from '../../src/factory/layout.ts';
import { machineId } from '../../src/core/units.ts';
import { DaemonProcess } from './process.ts';

const root = resolve(import.meta.dirname, '../..');
const image = join(root, 'var/guest/cloudinit/cloudinit.qcow2');

/** The Debian guest with cloud-init; building it takes some minutes, and root. */
function buildOnce(): string | false {
  if (existsSync(image)) return false;
  if (process.getuid?.() !== 0) return 'needs root to build the cloud-init guest';
  if (!existsSync('/usr/sbin/debootstrap')) return 'needs the Debian package debootstrap';
  execFileSync('bash', [join(root, 'guest/build.sh'), 'cloudinit', join(root, 'var/guest/cloudinit')], { stdio: 'ignore' });
  return false;
}

/** Machines outlive their daemon; those of a test must not. */
async function removeMachines(stateDir: string): Promise<void> {
  const provider = new QemuProvider({ stateDir, accelerator: 'tcg', network: 'namespace' });
  const signal = AbortSignal.timeout(60_000);
  const { sightings } = await provider.list(signal);
  await Promise.all(sightings.map(({ id }) => provider.destroy(id, signal)));
  await provider.close();
}

const userData = `#!/bin/sh
. /etc/os-release
curl -s -o /root/uuid http://169.254.169.254/latest/meta-data/instance-id
cat >/root/found <<END
source=$(cloud-init query platform) instance=$(cloud-init query instance_id) fetched=$(cat /root/uuid) hostname=$(hostname) os=$ID
wall=$(curl -s ##user_data_jobfeatures_url##/wall_limit_secs) machinetype=##user_data_machinetype##
END
printf '200 cloud-init ran' >/root/shutdown_message
curl -s -T /root/found ##user_data_joboutputs_url##/found
curl -s -T /root/shutdown_message ##user_data_joboutputs_url##/shutdown_message
poweroff
`;

test('real cloud-init boots from our metadata, runs the user data and reports', { skip: buildOnce() }, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'vacua-cloud-init-'));
  try {
    const stateDir = join(directory, 'state');
    const config = join(directory, 'vac.conf');
    writeFileSync(join(directory, 'user_data'), userData);
    writeFileSync(
      config,
      `[settings]
vac_space = lab.example.com
factory_name = wn01.example.com
state_dir = ${stateDir}
total_processors = 1
mb_per_processor = 512
overload_per_processor = 1000
cycle_seconds = 5
outbound = no
min_free_disk_gb = 0
[machinetype debian]
target_share = 1
machine_model = vm-raw
root_image = ${image}
user_data = ${join(directory, 'user_data')}
backoff_seconds = 600
max_wallclock_seconds = 3600
fizzle_seconds = 600
`,
    );
    await using daemon = new DaemonProcess('--config', config, 'factory');
    const ended = await daemon.line((l) => l.msg === 'machine finished');
    const id = String(ended['id']);
    const found = readFileSync(join(layout(stateDir).joboutputs(machineId(id)), 'found'), 'utf8');
    assert.equal(ended['message'], '200 cloud-init ran', JSON.stringify(ended));
    assert.match(found, new RegExp(`instance=${id} fetched=${id} hostname=wn01-00`));
    assert.match(found, /os=debian\nwall=\d+ machinetype=debian/);
    await daemon.end('SIGTERM');
  } finally {
    await removeMachines(join(directory, 'state'));
    rmSync(directory, { recursive: true, force: true });
  }
});
