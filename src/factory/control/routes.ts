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
import { chosen, hasClouds, narrowed, one, single } from './choose-space.ts';
import { spaceRoutes } from './space-routes.ts';

const maxStreams = 32;
const json = <S extends z.ZodType>(c: Context, schema: S, value: Parameters<typeof encode<S>>[1]): Response => c.json(encode(schema, value) as object);

function knownMachine(c: Context, deps: Deps): { readonly machine: Machine; readonly view: FactoryView } {
  const id = c.req.param('id') ?? '';
  for (const { view } of chosen(c, deps)) {
    const machine = view.machines().find((m) => m.id === id);
    if (machine) return { machine: machine as Machine, view };
  }
  throw new Refusal('unknown_machine', `there is no machine with the id "${id.slice(0, 80)}"; GET /v1/machines lists them`);
}
type Machine = z.output<typeof Machine>;

function lastTurn(view: FactoryView): NonNullable<ReturnType<FactoryView['lastTurn']>> {
  const turn = view.lastTurn();
  if (turn !== undefined) return turn;
  const { cloud, space } = view.status();
  throw new Refusal(
    'no_turn',
    cloud?.trouble
      ? `space ${space} cannot be opened: ${cloud.trouble.why}. It is tried again by itself; \`vacua check --online\` asks its cloud now`
      : 'the factory has not finished its first turn; ask again in a few seconds',
  );
}

function configured(view: FactoryView): Configuration {
  const { configuration } = view.configuration();
  if (configuration === undefined) throw new Refusal('no_configuration', 'no configuration has been valid yet; `vacua check` says why');
  return configuration;
}

const outputsOf = (c: Context, deps: Deps): string => {
  const { machine, view } = knownMachine(c, deps);
  return layout(view.status().stateDir).joboutputs(machine.id);
};

/** Reasons of one factory, or of all with a line before each that names its space. */
function whyLines(c: Context, deps: Deps): readonly string[] {
  const name = c.req.query('machinetype');
  const factories = chosen(c, deps);
  const [only] = factories;
  if (factories.length === 1 && only) return reasons(only.view, name);
  const found = factories.flatMap(({ space, view }) => {
    const known = name === undefined || view.lastTurn()?.decision.reasons.machinetypes.some((r) => r.machinetype === name) === true;
    return known ? [`space ${space}:`, ...unlessRefused(() => reasons(view, name))] : [];
  });
  const unserved = name === undefined && c.req.query('space') === undefined ? deps.site.unserved().flatMap(({ space, why }) => [`space ${space}:`, why]) : [];
  if (found.length + unserved.length > 0) return [...found, ...unserved];
  throw new Refusal('unknown_machinetype', `there is no machinetype "${(name ?? '').slice(0, 80)}" in any space`);
}

function reasons(view: FactoryView, name: string | undefined): readonly string[] {
  const configuration = configured(view);
  const { observed, decision } = lastTurn(view);
  const known = decision.reasons.machinetypes.map((r) => r.machinetype);
  if (name !== undefined && !known.includes(name)) {
    throw new Refusal('unknown_machinetype', `there is no machinetype "${name.slice(0, 80)}"; there are: ${known.join(', ') || 'none'}`);
  }
  return explain(decision, observed, configuration, name);
}

/** Of one of several: what is refused is told in its place. */
function unlessRefused(lines: () => readonly string[]): readonly string[] {
  try {
    return lines();
  } catch (error) {
    if (error instanceof Refusal) return [error.message];
    throw error;
  }
}

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
    query: [single],
    errors: ['unknown_space', 'no_factory'],
    handle: (c, deps) => json(c, answers.Status, one(c, deps).view.status()),
  },
  {
    method: 'get',
    path: '/v1/spaces',
    summary: 'All spaces of the daemon, with the state of the factory of each',
    status: 200,
    answer: answers.Spaces,
    errors: [],
    handle: (c, { site }) =>
      json(c, answers.Spaces, { spaces: [...site.factories().map(({ space, view }) => ({ space, status: view.status() })), ...site.unserved()] }),
  },
  {
    method: 'get',
    path: '/v1/machines',
    summary: 'All machines that are not forgotten, by space, slot, then by creation',
    status: 200,
    answer: answers.Machines,
    query: [narrowed],
    errors: ['unknown_space'],
    handle: (c, deps) => {
      const name = hasClouds(deps.site);
      const machines = chosen(c, deps).flatMap(({ space, view }) => view.machines().map((m) => (name ? { ...m, space } : m)));
      return json(c, answers.Machines, { machines });
    },
  },
  {
    method: 'get',
    path: '/v1/machines/{id}',
    summary: 'One machine',
    status: 200,
    answer: Machine,
    errors: ['unknown_machine'],
    handle: (c, deps) => json(c, Machine, knownMachine(c, deps).machine),
  },
  {
    method: 'get',
    path: '/v1/machines/{id}/console',
    summary: 'Serial console so far, the newest part when it was cut; raw bytes of a guest, not safe for a terminal',
    status: 200,
    answer: 'application/octet-stream',
    errors: ['unknown_machine', 'no_console'],
    handle: async (c, deps) => {
      const { machine, view } = knownMachine(c, deps);
      const { id, name } = machine;
      const bytes = await view.console(id);
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
    query: [narrowed],
    errors: ['unknown_space'],
    handle: (c, deps) => {
      const name = hasClouds(deps.site);
      const machinetypes = chosen(c, deps).flatMap(({ space, view }) =>
        machinetypeRows(view.configuration().configuration, view.machines(), view.lastTurn()?.decision).map((row) => (name ? { space, ...row } : row)),
      );
      return json(c, answers.Machinetypes, { machinetypes });
    },
  },
  {
    method: 'get',
    path: '/v1/turn',
    summary: 'What was observed and decided in the last turn',
    status: 200,
    answer: answers.Turn,
    query: [single],
    errors: ['no_turn', 'unknown_space', 'no_factory'],
    handle: (c, deps) => json(c, answers.Turn, lastTurn(one(c, deps).view) as Parameters<typeof encode<typeof answers.Turn>>[1]),
  },
  {
    method: 'get',
    path: '/v1/why',
    summary: 'The reasons of the last turn in words',
    status: 200,
    answer: answers.Why,
    query: [{ name: 'machinetype', description: 'this one only, with its numbers' }, narrowed],
    errors: ['no_turn', 'no_configuration', 'unknown_machinetype', 'unknown_space'],
    handle: (c, deps) => json(c, answers.Why, { lines: whyLines(c, deps) }),
  },
  {
    method: 'get',
    path: '/v1/situation',
    summary: 'What the factory knew at its last turn, in the form that `vacua decide` reads',
    status: 200,
    answer: answers.Situation,
    query: [single],
    errors: ['no_turn', 'no_configuration', 'unknown_space', 'no_factory'],
    handle: (c, deps) => {
      const { view } = one(c, deps);
      const configuration = configured(view);
      return c.json(observedToSituation(lastTurn(view).observed, configuration));
    },
  },
  {
    method: 'get',
    path: '/v1/configuration',
    summary: 'The configuration in force with secrets masked, its problems, and the vacuum pipes',
    status: 200,
    answer: answers.ConfigurationAnswer,
    query: [{ name: 'space', description: 'this one; default: of the host, with all problems and pipes of the site' }],
    errors: ['unknown_space'],
    handle: (c, deps) => {
      const { configuration, problems, pipes } = (c.req.query('space') === undefined ? deps.site : one(c, deps).view).configuration();
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
    query: [narrowed],
    errors: ['unknown_space'],
    handle: (c, deps) => {
      const usage = chosen(c, deps).flatMap(({ view }) => view.usage());
      return json(c, answers.Usage, { usage: usage.toSorted((a, b) => a.endedAt - b.endedAt) });
    },
  },
  ...spaceRoutes,
  {
    method: 'get',
    path: '/v1/events',
    summary: 'Decisions, actions and ends from now on, one line of JSON each; ends with the factory',
    status: 200,
    answer: 'application/x-ndjson',
    query: [narrowed],
    errors: ['too_many_streams'],
    handle: (c, { site, now, log, streams }) => {
      if (streams.size >= maxStreams) throw new Refusal('too_many_streams', `${maxStreams} event streams are open already; close one`);
      const only = c.req.query('space');
      const about = { ...(only !== undefined && { only }), named: hasClouds(site) };
      const stream = eventStream(site, about, now, log, () => streams.delete(stream));
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
    query: [narrowed],
    errors: ['bad_request', 'unknown_space'],
    handle: async (c, deps) => {
      const on = await switchBody(c);
      const meant = chosen(c, deps);
      for (const { view } of meant) await view.drain(on);
      const now = meant.map(({ view }) => view.status().draining);
      // Whoever says `off` wants to know when one of them still drains; whoever says `on`, when one of them does not.
      return json(c, answers.Drained, { draining: on ? now.every(Boolean) : now.some(Boolean) });
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
      const { machine, view } = knownMachine(c, deps);
      const { id } = machine;
      await command(machine, view.hold(id, on));
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
      const { machine, view } = knownMachine(c, deps);
      const { id } = machine;
      await command(machine, view.destroy(id));
      return c.json(encode(answers.Destroyed, { id, accepted: true }), 202);
    },
  },
];
