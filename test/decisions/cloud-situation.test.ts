import assert from 'node:assert/strict';
import { it } from 'node:test';
import { decide } from '../../src/core/decide/decide.ts';
import type { Decision } from '../../src/core/decision.ts';
import { observedToSituation, readSituation, situationToObserved } from '../../src/core/situation/situation.ts';
import { seconds } from '../../src/core/units.ts';
import { cloudConfiguration, cloudSite, cloudType } from '../../src/factory/testing-cloud.ts';
import { ProviderError } from '../../src/providers/contract.ts';
import { seeded } from '../../src/providers/sim/script.ts';

/** All that a decision says, but for ids, names and slots, which a situation does not carry. */
const essence = ({ actions, reasons }: Decision) => ({
  actions: actions
    .map((a) =>
      [a.kind, 'why' in a ? a.why : a.kind === 'create' ? `${a.machinetype} ${a.flavor?.name}` : a.kind === 'finish' ? a.outcome.abort : ''].join(' '),
    )
    .toSorted(),
  veto: reasons.veto?.why,
  used: reasons.usedProcessors,
  total: reasons.totalProcessors,
  stuck: reasons.stuck?.length,
  verdicts: reasons.machinetypes.map((r) => [r.machinetype, r.verdict.why, r.machines, r.fresh]),
});

it('a snapshot of a space at a rough cloud is decided like the space itself', async () => {
  const kinds = new Set<string>();
  for (let seed = 1; seed <= 4; seed++) {
    const random = seeded(seed);
    const types = [
      cloudType('a', { targetShare: 3, heartbeatFile: 'hb', heartbeat: seconds(600) }, { flavorNames: ['cpu.2', 'cpu.1'], processorsLimit: 12 }),
      cloudType('b', {}, { maxStartingProcessors: 4 }),
    ];
    const configuration = cloudConfiguration(types, {
      processorsLimit: 30,
      machinesLimit: 20,
      rampPercent: 20,
      startingLimit: seconds(300),
      orphans: seed % 2 === 0 ? 'adopt' : 'delete',
    });
    const { cloud, manager } = cloudSite(configuration, { quota: { processors: 40 }, capacity: 24 });
    cloud.script = {
      plan: () => ({
        build: seconds(Math.floor(random() * 400)),
        removal: seconds(random() < 0.2 ? 1000 : 0),
        ...(random() < 0.6 ? { run: seconds(Math.floor(random() * 2000)) } : {}),
      }),
      refuses: (call) => {
        if (random() > 0.1) return undefined;
        return call === 'create'
          ? new ProviderError('ASKED_TO_WAIT', 'slow down', { fault: 'provider', whole: random() < 0.5, retryAfter: seconds(30) })
          : new Error('502');
      },
      losesAnswer: () => random() < 0.05,
      cuts: () => random() < 0.1,
    };
    cloud.foreign = [3];
    for (let step = 0; step < 60; step++) {
      const [first] = cloud.servers;
      const fate = random();
      if (first && fate < 0.1) cloud.show(first.id, fate < 0.05 ? 'paused' : 'unknown');
      else if (first && fate < 0.2) cloud.remove(first.id);
      await manager.after(10 + Math.floor(random() * 60));
      const { last } = manager.loop;
      assert.ok(last);
      const snapshot: unknown = JSON.parse(JSON.stringify(observedToSituation(last.observed, configuration)));
      const again = situationToObserved(readSituation(snapshot), 'vacua');
      assert.deepEqual(again.refusals, []);
      const original = essence(decide(last.observed, configuration, () => 0.5));
      assert.deepEqual(essence(decide(again.observed, again.configuration, () => 0.5)), original, `seed ${seed}, step ${step}`);
      for (const kind of [...original.actions, original.veto ?? '', ...original.verdicts.map((v) => String(v[1]))]) kinds.add(kind);
    }
    manager.remove();
  }
  for (const kind of [
    'adopt ',
    'finish true',
    'end not-started',
    'ramp',
    'space_failing',
    'list_incomplete',
    'provider_unknown',
    'creation_failing',
    'own_limit',
    'starting_limit',
  ])
    assert.ok(kinds.has(kind), `the worlds of this test show ${kind}`);
});
