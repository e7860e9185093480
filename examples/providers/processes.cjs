#!/usr/bin/env node
// A cloud of processes, as an example of `api = command`: a machine is its user data, run by sh. docs/command-provider.md
// explains each document. Machines are directories below $PROCESS_CLOUD (give it with: pass_environment = PROCESS_CLOUD).
const fs = require('node:fs');
const { spawn } = require('node:child_process');
const root = process.env.PROCESS_CLOUD ?? '/tmp/process-cloud';
const flavors = [1, 2, 4].map((n) => ({ id: `p${n}`, name: `p${n}`, processors: n, memory_mb: 1024 * n, disk_gb: 10 }));
const read = (id, file) => { try { return fs.readFileSync(`${root}/${id}/${file}`, 'utf8'); } catch { return undefined; } };
const alive = (id) => { try { return fs.readFileSync(`/proc/${Number(read(id, 'pid'))}/cmdline`, 'utf8').includes(id); } catch { return false; } };
const kill = (id, signal) => { if (alive(id)) try { process.kill(-Number(read(id, 'pid')), signal); } catch { /* has just ended */ } };
const known = () => (fs.existsSync(root) ? fs.readdirSync(root) : []).filter((id) => read(id, 'marks') !== undefined);
const state = (id) => (alive(id) ? 'running' : read(id, 'pid') === undefined ? 'starting' : 'off');

const actions = {
  about: () => ({ version: 1, console: true }),
  list: () => ({
    complete: true,
    machines: known().map((id) => ({ id, state: state(id), cause: read(id, 'ended') === undefined ? 'vanished' : 'power-off', marks: JSON.parse(read(id, 'marks')) })),
    offer: { quota: { machines: 50 }, used: { processors: known().length, machines: known().length }, flavors },
  }),
  create: ({ machine: { id, flavor, user_data_base64, marks } }) => {
    if (!flavors.some((f) => f.id === flavor)) return { error: { code: 'NO_FLAVOR', message: `there is no flavor ${flavor}`, fault: 'tenant' } };
    fs.mkdirSync(root, { recursive: true, mode: 0o700 });
    try { fs.mkdirSync(`${root}/${id}`, { mode: 0o700 }); } catch { return {}; } // it exists: create may be repeated
    fs.writeFileSync(`${root}/${id}/user_data`, Buffer.from(user_data_base64, 'base64'), { mode: 0o600 });
    fs.writeFileSync(`${root}/${id}/marks`, JSON.stringify(marks));
    const console = fs.openSync(`${root}/${id}/console`, 'a');
    const script = 'trap : TERM; sh "$0/user_data"; echo $? >"$0/ended"'; // the trap is for this shell alone: TERM ends the user data
    const { pid } = spawn('sh', ['-c', script, `${root}/${id}`], { detached: true, stdio: ['ignore', console, console], env: {} });
    fs.writeFileSync(`${root}/${id}/pid.new`, String(pid));
    fs.renameSync(`${root}/${id}/pid.new`, `${root}/${id}/pid`);
    return {};
  },
  shutdown: ({ id }) => (kill(id, 'SIGTERM'), {}),
  destroy: ({ id }) => (kill(id, 'SIGKILL'), fs.rmSync(`${root}/${id}`, { recursive: true, force: true }), {}),
  console: ({ id }) => ({ base64: Buffer.from((read(id, 'console') ?? '').slice(-65536)).toString('base64') }),
};
const request = JSON.parse(fs.readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify(actions[request.action](request)), () => process.exit(0)); // machines run on
