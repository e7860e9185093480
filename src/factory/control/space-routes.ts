import type { Context } from 'hono';
import { isName } from '../../core/vacquery/text.ts';
import type { AskedKind } from '../../core/vacquery/query.ts';
import { one, single } from './choose-space.ts';
import { encode } from './codec.ts';
import { type Deps, Refusal, type Route } from './route.ts';
import { SpaceAnswers, SpaceReport } from './space-answers.ts';

/** Seconds that factories get to answer, unless the request says otherwise; slow ones of Vac 3.1 need up to 2 s for a try (spec/vacquery.md §7). */
const usualWithin = 2;
const longestWithin = 60;
const mostNamed = 200;

const asked: readonly { readonly kind: AskedKind; readonly path: string; readonly summary: string }[] = [
  { kind: 'factories', path: '/v1/space/factories', summary: 'Asks all factories of the space, or those named, for their state' },
  { kind: 'machinetypes', path: '/v1/space/machinetypes', summary: 'Asks them for their machinetypes' },
  { kind: 'machines', path: '/v1/space/machines', summary: 'Asks them for their machines, one per slot' },
];

/** Routes that speak of the whole space. */
export const spaceRoutes: readonly Route[] = [
  {
    method: 'get',
    path: '/v1/space',
    summary: 'What this factory knows of its space: who answers, what each runs, who is silent',
    status: 200,
    answer: SpaceReport,
    query: [single],
    errors: ['no_configuration', 'unknown_space', 'no_factory'],
    handle: (c, deps) => {
      const { view } = one(c, deps);
      if (view.configuration().configuration === undefined)
        throw new Refusal('no_configuration', 'no configuration has been valid yet; `vacua check` says why');
      return c.json(encode(SpaceReport, view.space()));
    },
  },
  ...asked.map(
    ({ kind, path, summary }): Route => ({
      method: 'get',
      path,
      summary,
      status: 200,
      answer: SpaceAnswers,
      query: [
        { name: 'factory', description: `name of a factory; up to ${mostNamed} times. Default: all of the space` },
        { name: 'within', description: `seconds in which they may answer, up to ${longestWithin}. Default: ${usualWithin}` },
        single,
      ],
      errors: ['bad_request', 'unknown_space', 'no_factory'],
      handle: (c, deps) => answered(c, deps, kind),
    }),
  ),
];

async function answered(c: Context, deps: Deps, kind: AskedKind): Promise<Response> {
  const named = c.req.queries('factory') ?? [];
  const wrong = named.find((name) => !isName(name));
  if (wrong !== undefined) throw new Refusal('bad_request', `"${wrong.slice(0, 80)}" is not the name of a factory`);
  if (named.length > mostNamed) throw new Refusal('bad_request', `${named.length} factories are named; valid: up to ${mostNamed}`);
  const { view } = one(c, deps);
  const askedAt = deps.now();
  const answers = await view.ask(kind, { within: seconds(c.req.query('within')), ...(named.length > 0 && { factories: named }) });
  return c.json(encode(SpaceAnswers, { askedAt, answers }));
}

function seconds(text: string | undefined): number {
  if (text === undefined) return usualWithin;
  const within = /^\d{1,3}(\.\d{1,3})?$/.test(text) ? Number(text) : 0;
  if (within > 0 && within <= longestWithin) return within;
  throw new Refusal('bad_request', `within is "${text.slice(0, 20)}"; valid: seconds above 0, up to ${longestWithin}`);
}
