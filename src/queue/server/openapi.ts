import { z } from 'zod';
import { statusOf } from '../refusal.ts';
import { Problem } from './problem.ts';
import type { Route } from './route.ts';

type Json = Record<string, unknown>;

const tokens: Readonly<Record<Exclude<Route['token'], 'none'>, string>> = {
  user: 'A token of a user: a JWT of the configured issuer, or a local token.',
  machine: "The token of a machine: a JWT with `aud` vacua-queue, signed with its tenant's key.",
  session: 'The session secret of an agent.',
  demand: "A JWT with `aud` vacua-demand, signed with the tenant's key.",
};

/** The OpenAPI 3.1 document of these routes. Schemas with an id become components. */
export function openApiDocument(routes: readonly Route[], version: string): Json {
  const components: Record<string, Json> = {};
  const schemaOf = (schema: z.ZodType): Json => {
    const { $schema: _dialect, $defs, ...json } = z.toJSONSchema(schema, { io: 'input', override: ({ jsonSchema }) => tidy(jsonSchema) }) as Json;
    for (const [name, value] of Object.entries(($defs ?? {}) as Record<string, Json>)) components[name] = value;
    const id = schema.meta()?.id;
    if (id === undefined) return json;
    components[id] = json;
    return { $ref: `#/components/schemas/${id}` };
  };
  const content = (answer: NonNullable<Route['answer']>): Json =>
    typeof answer === 'string' ? { [answer]: { schema: { type: 'string' } } } : { 'application/json': { schema: schemaOf(answer) } };
  const failure = (path: string): Json =>
    path.startsWith('/agent/') ? { 'text/plain': { schema: { type: 'string' } } } : { 'application/problem+json': { schema: schemaOf(Problem) } };
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    const failures = Object.groupBy([...new Set([...route.errors, 'internal' as const, 'unavailable' as const])], (code) => String(statusOf[code]));
    paths[route.path] = {
      ...paths[route.path],
      [route.method]: {
        summary: route.summary,
        ...(route.token !== 'none' && { security: [{ [route.token]: [] }] }),
        parameters: [
          ...[...route.path.matchAll(/\{([a-z]+)\}/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
          ...(route.query ?? []).map(({ name, description }) => ({ name, in: 'query', required: false, description, schema: { type: 'string' } })),
        ],
        ...(route.body !== undefined && {
          requestBody: {
            required: true,
            content: Object.fromEntries(route.body.map(({ type, schema }) => [type, { schema: schema === undefined ? { type: 'string' } : schemaOf(schema) }])),
          },
        }),
        responses: {
          [route.status]: { description: route.summary, ...(route.answer !== undefined && { content: content(route.answer) }) },
          ...Object.fromEntries(
            Object.entries(failures).map(([status, codes]) => [status, { description: (codes ?? []).join(', '), content: failure(route.path) }]),
          ),
        },
      },
    };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Vacua queue API',
      version,
      description: 'Times are ISO 8601 strings in UTC, durations are seconds, absent facts are left out. Clients must ignore keys that they do not know.',
    },
    paths,
    components: {
      schemas: deref(components),
      securitySchemes: Object.fromEntries(Object.entries(tokens).map(([name, description]) => [name, { type: 'http', scheme: 'bearer', description }])),
    },
  };
}

/** zod writes a long regular expression for a time; `format` says it already. */
function tidy(json: { format?: unknown; pattern?: unknown }): void {
  if (json.format === 'date-time') delete json.pattern;
}

/** References inside one schema point at its own `$defs`; here they point at the shared components. */
const deref = (value: Record<string, Json>): Json =>
  JSON.parse(
    JSON.stringify(value, (key, v: unknown) => (key === '$ref' && typeof v === 'string' ? v.replace('#/$defs/', '#/components/schemas/') : v)),
  ) as Json;
