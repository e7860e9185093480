#!/usr/bin/env node
// A simulated cloud for tests, for `api = command`: machines are files below the directory given as argument. Files there script it:
// `refuses` is the text of a failure of every call, `slow` makes every call last for ever.
const fs = require('node:fs');
const root = process.argv[2];
const machines = `${root}/machines`;
fs.mkdirSync(machines, { recursive: true });
const request = JSON.parse(fs.readFileSync(0, 'utf8'));
fs.appendFileSync(`${root}/calls`, `${request.action} ${request.id ?? request.machine?.id ?? ''}\n`);
const text = (name) => (fs.existsSync(`${root}/${name}`) ? fs.readFileSync(`${root}/${name}`, 'utf8') : undefined);
const started = (id) => fs.statSync(`${machines}/${id}`).mtimeMs / 1000;
const actions = {
  about: () => ({ version: 1, console: true }),
  list: () => {
    const found = fs.readdirSync(machines).map((id) => ({ id, ...JSON.parse(fs.readFileSync(`${machines}/${id}`, 'utf8')) }));
    return {
      complete: true,
      machines: found.map(({ id, marks, ended }) => ({
        id, marks, address: '192.0.2.7', ...(ended ? { state: 'off', cause: 'power-off' } : { state: 'running', started_at: started(id) }),
      })),
      offer: { quota: { machines: 10 }, used: { processors: found.length, machines: found.length }, flavors: [{ id: 's', name: 'small', processors: 1, memory_mb: 2048, disk_gb: 10 }] },
    };
  },
  create: ({ machine: { id, marks, metadata } }) => {
    try { fs.writeFileSync(`${machines}/${id}`, JSON.stringify({ marks, metadata }), { flag: 'wx' }); } catch { /* it exists: create may be repeated */ }
    return {};
  },
  shutdown: ({ id }) => {
    const path = `${machines}/${id}`;
    if (fs.existsSync(path)) fs.writeFileSync(path, JSON.stringify({ ...JSON.parse(fs.readFileSync(path, 'utf8')), ended: true }));
    return {};
  },
  destroy: ({ id }) => (fs.rmSync(`${machines}/${id}`, { force: true }), {}),
  console: ({ id }) => ({ base64: Buffer.from(`console of ${id}\n`).toString('base64') }),
};
if (text('slow') !== undefined) setInterval(() => undefined, 1000);
else {
  const refused = text('refuses');
  const answer = refused === undefined ? actions[request.action](request) : { error: { code: 'SIM_REFUSED', message: refused, fault: 'provider' } };
  process.stdout.write(JSON.stringify(answer), () => process.exit(0));
}
