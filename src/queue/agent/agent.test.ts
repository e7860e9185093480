import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { FakeJob } from './fake-queue.ts';
import { agentText, flavours, machine, until } from './testing.ts';

const exited = (code: number): RegExp => new RegExp(`^result=exited\nexit=${code}\nwall=\\d+\n$`);
const one =
  (job: FakeJob) =>
  ({ jobs }: { jobs: FakeJob[] }): void =>
    void jobs.push(job);

/** A process that has ended stays until its parent has taken note of it. */
const runs = (pid: string): boolean => {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

test('every pattern of the agent is one that factories or its machinetype fill in', () => {
  const used = [...agentText.matchAll(/##user_data_([a-z0-9_]+)##/g)].map((m) => m[1]);
  const known = [
    'jobfeatures_url',
    'joboutputs_url',
    'machinefeatures_url',
    'option_heartbeat_every',
    'option_queue',
    'option_queue_token',
    'option_queue_wait',
  ];
  assert.deepEqual([...new Set(used)].sort(), known);
});

// Each of them waits most of the time.
describe('agent', { concurrency: 4 }, () => {
  for (const flavour of flavours) {
    test(`${flavour}: jobs are run one after the other, with inputs, outputs, log and exit code, until there are none`, async (t) => {
      const m = await machine(t, {
        flavour,
        prepare: ({ jobs }) => {
          jobs.push({ script: 'cat in; tr a-z A-Z <in >out; echo done >&2', inputs: { in: 'some text\n' }, outputs: ['out', 'absent'] });
          jobs.push({ script: 'echo two; exit 7' });
          jobs.push({ script: 'kill -9 $$' });
        },
      });
      assert.equal(await m.ended, '200 3 jobs done', m.said());
      const { heard, faults, outputs, offers, nonces } = m.queue;
      assert.deepEqual(faults, []);
      assert.deepEqual(
        heard.map((h) => [h.calls, h.log.toString()]),
        [
          [['begin', 'inputs/in', 'outputs/out', 'log?offset=0', 'finish'], 'some text\ndone\n'],
          [['begin', 'log?offset=0', 'finish'], 'two\n'],
          [['begin', 'finish'], ''],
        ],
      );
      for (const [i, code] of [0, 7, 137].entries()) assert.match(heard[i]?.result ?? '', exited(code));
      assert.equal(heard[0]?.outputs.get('out')?.toString(), 'SOME TEXT\n');
      assert.match(offers[0] ?? '', /^processors=2\nmemory_mb=512\ndisk_mb=\d+\ntime_left=35\d\d\n$/);
      assert.equal(nonces.length, 1);
      assert.ok((outputs.get('heartbeat')?.length ?? 0) >= 1);
      assert.ok(existsSync(join(m.directory, 'user_data.off')), 'the machine is powered off');
    });

    test(`${flavour}: a job that hangs is ended at its wall limit with everything that belongs to it, and its outputs are kept`, async (t) => {
      const script = `trap '' TERM; echo part >out; echo $$ >pids; (trap '' TERM; exec sleep 1000) & echo $! >>pids; while :; do sleep 1000; done`;
      const m = await machine(t, { flavour, prepare: one({ script, outputs: ['out', 'pids'], lines: { wall: 1, kill_after: 1 } }) });
      assert.equal(await m.ended, '200 1 jobs done', m.said());
      const [heard] = m.queue.heard;
      assert.match(heard?.result ?? '', /^result=timeout\nwall=[1-9]\d*\n$/);
      assert.equal(heard?.outputs.get('out')?.toString(), 'part\n');
      const pids = heard?.outputs.get('pids')?.toString().trim().split('\n') ?? [];
      await until('nothing of the job is left', m, () => !pids.some(runs));
      assert.equal(pids.length, 2);
    });

    test(`${flavour}: asked to stop, the agent ends its job, returns it and says so`, async (t) => {
      const m = await machine(t, { flavour, prepare: one({ script: 'echo begun; sleep 1000', lines: { lease_seconds: 3 } }) });
      await until('the log comes while the job runs', m, () => m.queue.heard[0]?.log.toString() === 'begun\n');
      m.signal('SIGTERM');
      assert.equal(await m.ended, '100 asked to stop, 0 jobs done', m.said());
      assert.equal(m.queue.heard[0]?.returned, 'why=the machine has to end\n');
      assert.equal(m.queue.heard[0]?.result, undefined);
    });

    for (const [status, word] of [
      [409, 'lost'],
      [410, 'cancelled'],
    ] as const) {
      test(`${flavour}: a lease that is ${word} in mid-run stops the job, of which nothing more is told`, async (t) => {
        const m = await machine(t, {
          flavour,
          prepare: (queue) => {
            queue.jobs.push({ script: 'echo $$ >pid; echo "pid $$"; sleep 1000', lines: { lease_seconds: 3 }, outputs: ['pid'] }, { script: 'exit 3' });
            queue.meddle = (_method, path) => (path.endsWith('lease-0/renew') ? { status, body: 'no\n' } : undefined);
          },
        });
        assert.equal(await m.ended, '200 1 jobs done', m.said());
        const [first, second] = m.queue.heard;
        assert.deepEqual(
          first?.calls.filter((call) => /^(outputs|finish|return)/.test(call)),
          [],
        );
        assert.match(second?.result ?? '', exited(3));
        const [, pid] = /pid (\d+)/.exec(first?.log.toString() ?? '') ?? [];
        if (pid !== undefined) await until('nothing of the job is left', m, () => !runs(pid));
      });
    }

    test(`${flavour}: a queue that is away for a while loses nothing`, async (t) => {
      const failures = new Map<string, number>();
      const m = await machine(t, {
        flavour,
        prepare: (queue) => {
          queue.jobs.push({ script: 'cat in', inputs: { in: 'input' }, outputs: [] });
          // Each kind of request fails once, in one of the ways in which requests fail.
          const ways = [
            'drop',
            { status: 503 },
            { status: 502, body: '<html>' },
            { status: 200, headers: { 'content-length': '1000' }, body: 'short' },
          ] as const;
          queue.meddle = (_method, path) => {
            const kind = path.replace(/[?].*/, '');
            if (!path.startsWith('/q/') || failures.has(kind) || kind.endsWith('/log')) return undefined;
            failures.set(kind, 1);
            const way = ways[(failures.size - 1) % 3];
            return way;
          };
        },
      });
      assert.equal(await m.ended, '200 1 jobs done', m.said());
      assert.deepEqual(m.queue.faults, []);
      assert.equal(failures.size, 5);
      assert.equal(m.queue.heard[0]?.log.toString(), 'input');
      assert.match(m.queue.heard[0]?.result ?? '', exited(0));
    });
  }

  test('an answer that is cut off is no answer', async (t) => {
    let cut = 0;
    const m = await machine(t, {
      prepare: (queue) => {
        queue.jobs.push({ script: 'wc -c <in', inputs: { in: 'x'.repeat(5000) } });
        queue.meddle = (_method, path) =>
          path.endsWith('inputs/in') && cut++ === 0
            ? { status: 200, headers: { 'content-length': '5000', connection: 'close' }, body: 'x'.repeat(4000) }
            : undefined;
      },
    });
    // The server cannot send less than it has announced, so that it closes; the agent has to notice.
    await until('the input is asked for again', m, () => cut > 1);
    assert.equal(await m.ended, '200 1 jobs done', m.said());
    assert.equal(m.queue.heard[0]?.log.toString().trim(), '5000');
  });

  test('a lease that cannot be renewed is given up when it must have been lost', async (t) => {
    const m = await machine(t, {
      prepare: (queue) => {
        queue.jobs.push({ script: 'sleep 1000', lines: { lease_seconds: 3 } }, { script: 'true' });
        queue.meddle = (_method, path) => (path.includes('/lease-0/') && !path.endsWith('/begin') ? 'drop' : undefined);
      },
    });
    assert.equal(await m.ended, '200 1 jobs done', m.said());
    assert.equal(m.queue.heard[0]?.result, undefined);
    assert.match(m.queue.heard[1]?.result ?? '', exited(0));
  });

  test('a lease is renewed as long as the job runs', async (t) => {
    const m = await machine(t, { prepare: one({ script: 'while [ ! -e stop ]; do sleep 0.1; done', lines: { lease_seconds: 3, wall: 5 } }) });
    assert.equal(await m.ended, '200 1 jobs done', m.said());
    assert.ok((m.queue.heard[0]?.calls.filter((call) => call === 'renew').length ?? 0) >= 3);
  });

  test('a shutdown time that appears stops the job in time and returns it', async (t) => {
    const m = await machine(t, { lookEvery: 1, prepare: one({ script: 'echo begun; sleep 1000', lines: { lease_seconds: 3 } }) });
    await until('the job runs', m, () => m.queue.heard[0]?.calls.includes('begin') === true);
    m.queue.features.set('/job/shutdowntime_job', String(Math.floor(Date.now() / 1000) + 36));
    assert.equal(await m.ended, '100 the host ends soon, 0 jobs done', m.said());
    assert.equal(m.queue.heard[0]?.returned, 'why=the machine has to end\n');
  });

  test('no job is taken when a shutdown time is near or the lifetime ends', async (t) => {
    const near = String(Math.floor(Date.now() / 1000) + 20);
    for (const [key, value, message] of [
      ['/job/shutdowntime_job', near, '100 the host ends soon, 0 jobs done'],
      ['/machine/shutdowntime', near, '100 the host ends soon, 0 jobs done'],
      ['/job/wall_limit_secs', '10', '100 the lifetime is over, 0 jobs done'],
    ] as const) {
      const m = await machine(t, { prepare: ({ features }) => void features.set(key, value) });
      assert.equal(await m.ended, message, m.said());
      assert.deepEqual(m.queue.offers, []);
    }
  });

  test('the log is cut at its limit, whatever the job writes', async (t) => {
    const m = await machine(t, { prepare: one({ script: 'i=0; while [ $i -lt 600 ]; do echo "line $i"; i=$((i + 1)); done', lines: { log_bytes: 1000 } }) });
    assert.equal(await m.ended, '200 1 jobs done', m.said());
    assert.equal(m.queue.heard[0]?.log.length, 1000);
    assert.ok(m.queue.heard[0]?.log.toString().startsWith('line 0\nline 1\n'));
  });

  test('outputs are cut at their limit, and what is refused keeps no other back', async (t) => {
    const m = await machine(t, {
      prepare: (queue) => {
        queue.jobs.push({ script: 'echo 1234567 >a; echo 1234567 >b; echo 1234567 >c', outputs: ['a', 'b', 'c'], lines: { output_bytes: 12 } });
        queue.meddle = (_method, path) => (path.endsWith('outputs/a') ? { status: 413 } : undefined);
      },
    });
    assert.equal(await m.ended, '200 1 jobs done', m.said());
    assert.deepEqual(
      [...(m.queue.heard[0]?.outputs ?? [])].map(([name, content]) => [name, content.toString()]),
      [
        ['b', '1234'],
        ['c', ''],
      ],
    );
    assert.match(m.queue.heard[0]?.result ?? '', exited(0));
  });

  test('a failed prologue, a missing input and an output that is refused are told by their phase', async (t) => {
    const m = await machine(t, {
      prepare: (queue) => {
        queue.jobs.push(
          { script: 'echo "prologue no licence" >.vacua-failure; exit 125' },
          { script: 'exit 125' },
          { script: 'true', lines: { input: 'gone' } },
          { script: 'echo x >a', outputs: ['a'] },
        );
        queue.meddle = (_method, path) => (path.endsWith('outputs/a') ? { status: 507, body: 'full\n' } : undefined);
      },
    });
    assert.equal(await m.ended, '200 3 jobs done', m.said());
    const results = m.queue.heard.map((h) => h.result);
    assert.equal(results[0], 'result=failed\nphase=prologue\ntext=no licence\n');
    assert.match(results[1] ?? '', exited(125));
    assert.equal(results[2], 'result=failed\nphase=inputs\ntext=gone: not at the queue\n');
    assert.equal(results[3], 'result=failed\nphase=outputs\ntext=a: status 507\n');
  });

  test('why there is nothing to do is the last word', async (t) => {
    const endings: [string, (path: string) => { status: number; body?: string; headers?: Record<string, string> } | undefined][] = [
      ['300 no job for this machine: no job waits', () => undefined],
      ['400 banned by the queue: site example', (p) => (p.includes('/sessions') ? { status: 403, body: 'site example\n' } : undefined)],
      ['400 banned by the queue: machine', (p) => (p.includes('/v1/jobs') ? { status: 403, body: 'machine\n' } : undefined)],
      ['600 no session with the queue, status 409: used by another', (p) => (p.includes('/sessions') ? { status: 409, body: 'used by another\n' } : undefined)],
      ['600 the queue answered 418: x?[2J', (p) => (p.includes('/v1/jobs') ? { status: 418, body: 'x?\u0007\u001b[2J' } : undefined)],
      ['600 no session with the queue, status 201: ', (p) => (p.includes('/sessions') ? { status: 201, body: 'session=a b\n' } : undefined)],
      ['500 no machine or job features', (p) => (p.startsWith('/job/') ? { status: 404 } : undefined)],
    ];
    for (const [message, answer] of endings) {
      const m = await machine(t, { prepare: (queue) => void (queue.meddle = (_method, path) => answer(path)) });
      assert.equal(await m.ended, message, m.said());
    }
  });

  test('a token that has expired is the fault of the machine’s environment', async (t) => {
    const m = await machine(t, { token: 'old.b.c' });
    assert.equal(await m.ended, '500 the queue does not accept the token of this machine: the token has expired', m.said());
  });

  test('a queue that has forgotten its sessions gets the same nonce again', async (t) => {
    let forgotten = 0;
    const m = await machine(t, {
      prepare: (queue) => {
        queue.jobs.push({ script: 'true' });
        queue.meddle = (_method, path) => (path.includes('/v1/jobs') && forgotten++ === 0 ? { status: 401 } : undefined);
      },
    });
    assert.equal(await m.ended, '200 1 jobs done', m.said());
    assert.equal(m.queue.nonces.length, 2);
    assert.equal(m.queue.nonces[0], m.queue.nonces[1]);
  });

  test('a job whose names or numbers are not of the documented form is not run', async (t) => {
    const hostile: Record<string, string>[] = [
      { input: '../x' },
      { output: 'a/b' },
      { output: '.hidden' },
      { output: 'x'.repeat(129) },
      { job: '$(id)' },
      { wall: '08' },
      { lease: 'a b' },
      { log_bytes: '99999999999999999999' },
      { lease_seconds: '' },
    ];
    for (const lines of hostile) {
      const m = await machine(t, { prepare: one({ script: 'true', lines }) });
      assert.equal(await m.ended, '600 the queue sends a job that cannot be read', JSON.stringify(lines) + m.said());
      assert.deepEqual(m.queue.heard[0]?.calls, []);
    }
  });

  test('a job learns no secret, and no link makes the agent read what the job may not', async (t) => {
    const script =
      'env; cat /proc/$PPID/environ /proc/$PPID/cmdline; cat ../../../run/*/nonce ../../../run/*/main.ask; ln -s ../../../run/*/nonce stolen; ln -s /etc/shadow shadow; mkfifo pipe; echo own >own';
    const m = await machine(t, { prepare: one({ script, outputs: ['stolen', 'shadow', 'pipe', 'own'] }) });
    assert.equal(await m.ended, '200 1 jobs done', m.said());
    const [heard] = m.queue.heard;
    const log = heard?.log.toString() ?? '';
    assert.match(log, /^JOBFEATURES=http/m);
    for (const secret of ['a.b.c', 'lease-0', 'secret-1', m.queue.nonces[0] ?? '?']) {
      // Without another user to become, the directory of the agent is the job's own.
      if (process.getuid?.() === 0) assert.ok(!log.includes(secret), `${secret} in ${log}`);
    }
    assert.deepEqual([...(heard?.outputs.keys() ?? [])], ['own']);
  });

  test('where df knows nothing, as in a guest that lives in its initial RAM disk, memory is the room', async (t) => {
    const m = await machine(t, {
      flavour: 'debian',
      inside: [
        'sh',
        '-c',
        'mkdir "$TMPDIR/bin" && printf "#!/bin/sh\\nexit 1\\n" >"$TMPDIR/bin/df" && chmod 755 "$TMPDIR/bin/df" && PATH=$TMPDIR/bin:$PATH exec "$@"',
        'sh',
      ],
      prepare: ({ jobs }) => void jobs.push({ script: 'echo one' }),
    });
    assert.equal(await m.ended, '200 1 jobs done', m.said());
    assert.match(m.queue.offers[0] ?? '', /^disk_mb=[1-9]\d*$/m);
  });

  const asRoot = process.getuid?.() === 0 && spawnSync('unshare', ['-m', 'true']).status === 0;
  test('a full disk is said as 500', { skip: asRoot ? false : 'needs root and mount namespaces' }, async (t) => {
    const mounted = (size: string): string[] => ['unshare', '-m', 'sh', '-c', `mount -t tmpfs -o mode=1777,size=${size} none "$TMPDIR" && exec "$@"`, 'sh'];
    const path = process.env['PATH'] ?? '';
    for (const size of ['4m', '8k']) {
      const m = await machine(t, { flavour: 'debian', inside: mounted(size) });
      assert.match((await m.ended) ?? '', /^500 no disk/, `${path} ${m.said()}`);
    }
    const full = await machine(t, {
      flavour: 'debian',
      inside: mounted('20m'),
      prepare: one({ script: 'cat /dev/zero >big; cat /dev/zero >big2; cat /dev/zero >big3' }),
    });
    assert.equal(await full.ended, '200 1 jobs done', full.said());
  });
});
