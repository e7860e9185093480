import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { exampleMachine, exampleSettings } from './fixture.ts';
import { type GuestFacts, type Route, routeGuestRequest } from './route.ts';

/** Written anew, to be reviewed as a difference, with UPDATE_TRANSCRIPTS=1. */
const update = process.env['UPDATE_TRANSCRIPTS'] === '1';
const directory = new URL('transcripts/', import.meta.url);
const full: GuestFacts = {
  machine: exampleMachine,
  factory: 'wn01.example.com',
  hasUserData: true,
  publicKey: 'ssh-ed25519 AAAAC3Nza root@wn01',
  settings: exampleSettings,
};
const { publicKey: _, ...withoutKey } = full;
const bare: GuestFacts = { ...withoutKey, hasUserData: false };

/** A line `METHOD TARGET [for bare|drained] [as TYPE]`, as in the transcripts. */
function answerTo(line: string): string {
  const match = /^(\S+) (.*?)(?: for (bare|drained))?(?: as (\S+))?$/.exec(line);
  assert.ok(match, `not a request: ${line}`);
  const [, method = '', target = '', who, accept = '*/*'] = match;
  const drained = { ...full, machine: { ...exampleMachine, drainAnnounced: true } };
  return printed(routeGuestRequest({ method, target, accept }, who === 'bare' ? bare : who === 'drained' ? drained : full));
}

function printed(route: Route): string {
  switch (route.kind) {
    case 'document':
      return `200 ${route.type}${route.maxAge === undefined ? '' : `, max-age ${route.maxAge}`}\n${route.body.replace(/^/gm, '  ').trimEnd()}`;
    case 'user-data':
      return '200 its user data';
    case 'token':
      return `200 token ${route.body}`;
    case 'store':
      return `stores ${route.name}`;
    case 'output':
      return `200 its ${route.name}`;
    case 'refused':
      return String(route.status);
  }
}

describe('what a machine finds, as transcripts', () => {
  for (const name of readdirSync(directory)) {
    it(name, () => {
      const path = new URL(name, directory);
      const text = readFileSync(path, 'utf8');
      const replayed = text
        .split('\n')
        .filter((line) => /^(#|[A-Z]+ )/.test(line))
        .map((line) => (line.startsWith('#') ? `${line}\n` : `${line}\n${answerTo(line).trimEnd().replace(/^/gm, '  ')}\n`))
        .join('\n');
      if (update) writeFileSync(path, replayed);
      else assert.equal(replayed, text);
    });
  }
});

describe('routeGuestRequest', () => {
  const piece = fc.constantFrom(
    'joboutputs',
    'machinefeatures',
    'jobfeatures',
    'latest',
    '2009-04-04',
    'meta-data',
    'openstack',
    'nocloud',
    '..',
    '.',
    '%2e%2e',
    'a',
    '',
    '?x',
    '\0',
    'é',
    'constructor',
    '__proto__',
    'toString',
    'http://169.254.169.253',
  );
  const target = fc.array(piece, { maxLength: 6 }).map((pieces) => `/${pieces.join('/')}`);

  it('stores under a flat, visible name or not at all, and only by PUT', () => {
    fc.assert(
      fc.property(fc.constantFrom('GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'put'), fc.oneof(target, fc.string()), (method, where) => {
        const route = routeGuestRequest({ method, target: where, accept: '' }, full);
        if (route.kind !== 'store') return;
        assert.equal(method, 'PUT');
        assert.match(route.name, /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/);
      }),
      { numRuns: 2000 },
    );
  });

  it('answers HEAD as GET, and every other method with 501 but PUT', () => {
    fc.assert(
      fc.property(target, fc.constantFrom('POST', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', ''), (where, other) => {
        const by = (method: string): Route => routeGuestRequest({ method, target: where, accept: '' }, full);
        assert.deepEqual(by('HEAD'), by('GET'));
        assert.deepEqual(by(other), { kind: 'refused', status: 501 });
      }),
    );
  });
});
