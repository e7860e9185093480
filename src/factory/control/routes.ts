import { Readable } from 'node:stream';
import type { Context } from 'hono';
import type { z } from 'zod';
import { maskUrl } from '../../core/config/problem.ts';
import { explain } from '../../core/explain.ts';
import { observedToSituation } from '../../core/situation/situation.ts';
import type { Configuration } from '../../core/settings.ts';
import { layout } from '../layout.ts';
import type { FactoryView } from '../view.ts';
import * as answers from './answers.ts';
import { encode } from './codec.ts';
import { eventStream } from './event-stream.ts';
import { machinetypeRows } from './machinetype-rows.ts';
import { maskedConfiguration } from './masked.ts';
import { listOutputs, openOutput } from './outputs.ts';
import { type Deps, Refusal, type Route } from './route.ts';
import { Machine } from './schema.ts';
import { spaceRoutes } from './space-routes.ts';

const maxStreams = 32;
const json = <S extends z.ZodType>(c: Context, schema: S, value: Parameters<typeof encode<S>>[1]): Response => c.json(encode(schema, value) as object);

function knownMachine(c: Context, { view }: Deps): Machine {
  const id = c.req.param('id') ?? '';
  const machine = view.machines().find((m) => m.id === id);
  if (machine === undefined) throw new Refusal('unknown_machine', `there is no machine with the id "${id.slice(0, 80)}"; GET /v1/machines lists them`);
  return machine as Machine;
}
type Machine = z.output<typeof Machine>;

function lastTurn({ view }: Deps): NonNullable<ReturnType<FactoryView['lastTurn']>> {
  const turn = view.lastTurn();
  if (turn === undefined) throw new Refusal('no_turn', 'the factory has not finished its first turn; ask again in a few seconds');
  return turn;
}

function configured({ view }: Deps): Configuration {
  const { configuration } = view.configuration();
  if (configuration === undefined) throw new Refusal('no_configuration', 'no configuration has been valid yet; `vacua check` says why');
  return configuration;
}

const outputsOf = (c: Context, deps: Deps): string => layout(deps.view.status().stateDir).joboutputs(knownMachine(c, deps).id);

async function switchBody(c: Context): Promise<boolean> {
  const text = await c.req.text();
  let body: unknown;
  try {
    body = JSON.parse(text.slice(0, 1024));
  } catch (cause) {
    throw new Refusal('bad_request', `the body must be {"on": true} or {"on": false}: ${String(cause)}`);
  }
  const parsed = answers.Switch.safeParse(body);
  if (!parsed.success) throw new Refusal('bad_request', 'the body must be {"on": true} or {"on": false}');
  return parsed.data.on;
}

async function command({ id, name }: Machine, done: Promise<boolean>): Promise<void> {
  if (!(await done)) throw new Refusal('machine_finished', `machine ${name} (${id}) has already ended`);
}

/** Every route of the control API, but `/openapi.json` itself. */
export const routes: readonly Route[] = [
  {
    method: 'get',
    path: '/v1/status',
    summary: 'The factory at this moment',
    status: 200,
    answer: answers.Status,
    errors: [],
    handle: (c, { view }) => json(c, answers.Status, view.status()),
  },
  {
    method: 'get',
    path: '/v1/machines',
    summary: 'All machines that are not forgotten, by slot, then by creation',
    status: 200,
    answer: answers.Machines,
    errors: [],
    handle: (c, { view }) => json(c, answers.Machines, { machines: view.machines() }),
  },
  {
    method: 'get',
    path: '/v1/machines/{id}',
    summary: 'One machine',
    status: 200,
    answer: Machine,
    errors: ['unknown_machine'],
    handle: (c, deps) => json(c, Machine, knownMachine(c, deps)),
  },
  {
    method: 'get',
    path: '/v1/machines/{id}/console',
    summary: 'Serial console so far, the newest part when it was cut; raw bytes of a guest, not safe for a terminal',
    status: 200,
    answer: 'application/octet-stream',
    errors: ['unknown_machine', 'no_console'],
    handle: async (c, deps) => {
      const { id, name } = knownMachine(c, deps);
      const bytes = await deps.view.console(id);
      if (bytes === undefined) throw new Refusal('no_console', `machine ${name} has no console that can be read`);
      return c.body(Uint8Array.from(bytes), 200, { 'content-type': 'application/octet-stream' });
    },
  },
  {
    method: 'get',
    path: '/v1/machines/{id}/outputs',
    summary: 'Files that the machine has stored, by name',
    status: 200,
    answer: answers.Outputs,
    errors: ['unknown_machine'],
    handle: async (c, deps) => json(c, answers.Outputs, { outputs: await listOutputs(outputsOf(c, deps)) }),
  },
  {
    method: 'get',
    path: '/v1/machines/{id}/outputs/{name}',
    summary: 'One file that the machine has stored; raw bytes of a guest, not safe for a terminal',
    status: 200,
    answer: 'application/octet-stream',
    errors: ['unknown_machine', 'unknown_output'],
    handle: async (c, deps) => {
      const name = c.req.param('name') ?? '';
      const file = await openOutput(outputsOf(c, deps), name);
      if (file === undefined) throw new Refusal('unknown_output', `the machine has stored no file "${name.slice(0, 80)}"`);
      return c.body(Readable.toWeb(file.createReadStream()) as ReadableStream<Uint8Array>, 200, { 'content-type': 'application/octet-stream' });
    },
  },
  {
    method: 'get',
    path: '/v1/machinetypes',
    summary: 'Every machinetype: share, machines here, last verdict, last end',
    status: 200,
    answer: answers.Machinetypes,
    errors: [],
    handle: (c, { view }) =>
      json(c, answers.Machinetypes, {
        machinetypes: machinetypeRows(view.configuration().configuration, view.machines(), view.lastTurn()?.decision),
      }),
  },
  {
    method: 'get',
    path: '/v1/turn',
    summary: 'What was observed and decided in the last turn',
    status: 200,
    answer: answers.Turn,
    errors: ['no_turn'],
    handle: (c, deps) => json(c, answers.Turn, lastTurn(deps) as Parameters<typeof encode<typeof answers.Turn>>[1]),
  },
  {
    method: 'get',
    path: '/v1/why',
    summary: 'The reasons of the last turn in words',
    status: 200,
    answer: answers.Why,
    query: [{ name: 'machinetype', description: 'this one only, with its numbers' }],
    errors: ['no_turn', 'no_configuration', 'unknown_machinetype'],
    handle: (c, deps) => {
      const configuration = configured(deps);
      const { observed, decision } = lastTurn(deps);
      const name = c.req.query('machinetype');
      const known = decision.reasons.machinetypes.map((r) => r.machinetype);
      if (name !== undefined && !known.includes(name)) {
        throw new Refusal('unknown_machinetype', `there is no machinetype "${name.slice(0, 80)}"; there are: ${known.join(', ') || 'none'}`);
      }
      return json(c, answers.Why, { lines: explain(decision, observed, configuration, name) });
    },
  },
  {
    method: 'get',
    path: '/v1/situation',
    summary: 'What the factory knew at its last turn, in the form that `vacua decide` reads',
    status: 200,
    answer: answers.Situation,
    errors: ['no_turn', 'no_configuration'],
    handle: (c, deps) => {
      const configuration = configured(deps);
      return c.json(observedToSituation(lastTurn(deps).observed, configuration));
    },
  },
  {
    method: 'get',
    path: '/v1/configuration',
    summary: 'The configuration in force with secrets masked, its problems, and the vacuum pipes',
    status: 200,
    answer: answers.ConfigurationAnswer,
    errors: [],
    handle: (c, { view }) => {
      const { configuration, problems, pipes } = view.configuration();
      return json(c, answers.ConfigurationAnswer, {
        ...maskedConfiguration(configuration),
        problems,
        pipes: pipes.map((pipe) => ({ ...pipe, url: maskUrl(pipe.url) })),
      });
    },
  },
  {
    method: 'get',
    path: '/v1/usage',
    summary: 'Usage records of all machines that started and ended, oldest end first',
    status: 200,
    answer: answers.Usage,
    errors: [],
    handle: (c, { view }) => json(c, answers.Usage, { usage: view.usage().toSorted((a, b) => a.endedAt - b.endedAt) }),
  },
  ...spaceRoutes,
  {
    method: 'get',
    path: '/v1/events',
    summary: 'Decisions, actions and ends from now on, one line of JSON each; ends with the factory',
    status: 200,
    answer: 'application/x-ndjson',
    errors: ['too_many_streams'],
    handle: (c, { bus, now, log, streams }) => {
      if (streams.size >= maxStreams) throw new Refusal('too_many_streams', `${maxStreams} event streams are open already; close one`);
      const stream = eventStream(bus, now, log, () => streams.delete(stream));
      streams.add(stream);
      return c.body(stream.body, 200, { 'content-type': 'application/x-ndjson' });
    },
  },
  {
    method: 'post',
    path: '/v1/drain',
    summary: 'Stop starting machines, or start them again; survives a restart',
    status: 200,
    answer: answers.Drained,
    body: answers.Switch,
    errors: ['bad_request'],
    handle: async (c, { view }) => {
      const on = await switchBody(c);
      await view.drain(on);
      return json(c, answers.Drained, { draining: view.status().draining });
    },
  },
  {
    method: 'post',
    path: '/v1/machines/{id}/hold',
    summary: 'Keep a machine for debugging: neither heartbeat nor wallclock ends it; or let it go again',
    status: 200,
    answer: answers.Held,
    body: answers.Switch,
    errors: ['bad_request', 'unknown_machine', 'machine_finished'],
    handle: async (c, deps) => {
      const on = await switchBody(c);
      const machine = knownMachine(c, deps);
      const { id } = machine;
      await command(machine, deps.view.hold(id, on));
      return json(c, answers.Held, { id, held: on });
    },
  },
  {
    method: 'post',
    path: '/v1/machines/{id}/destroy',
    summary: 'End a machine: asked to shut down, then removed by force',
    status: 202,
    answer: answers.Destroyed,
    errors: ['unknown_machine', 'machine_finished'],
    handle: async (c, deps) => {
      const machine = knownMachine(c, deps);
      const { id } = machine;
      await command(machine, deps.view.destroy(id));
      return c.json(encode(answers.Destroyed, { id, accepted: true }), 202);
    },
  },
];
