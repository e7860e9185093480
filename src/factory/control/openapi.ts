import { z } from 'zod';
import { Failure } from './answers.ts';
import { type Route, statusOf } from './route.ts';

type Json = Record<string, unknown>;

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
  const content = (answer: Route['answer']): Json =>
    typeof answer === 'string' ? { [answer]: { schema: { type: 'string' } } } : { 'application/json': { schema: schemaOf(answer) } };
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    const failures = Object.groupBy([...route.errors, 'internal' as const], (code) => String(statusOf[code]));
    paths[route.path] = {
      ...paths[route.path],
      [route.method]: {
        summary: route.summary,
        parameters: [
          ...[...route.path.matchAll(/\{([a-z]+)\}/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
          ...(route.query ?? []).map(({ name, description }) => ({ name, in: 'query', required: false, description, schema: { type: 'string' } })),
        ],
        ...(route.body === undefined ? {} : { requestBody: { required: true, content: content(route.body) } }),
        responses: {
          [route.status]: { description: route.summary, content: content(route.answer) },
          ...Object.fromEntries(
            Object.entries(failures).map(([status, codes]) => [status, { description: (codes ?? []).join(', '), content: content(Failure) }]),
          ),
        },
      },
    };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Vacua control API',
      version,
      description:
        'HTTP on the unix socket `control.sock` in the state directory of a factory. Times are ISO 8601 strings in UTC, durations are seconds, absent facts are left out. Clients must ignore keys that they do not know.',
    },
    paths,
    components: { schemas: deref(components) },
  };
}

/** zod writes a long regular expression for a time; `format` says it already. */
function tidy(json: { format?: unknown; pattern?: unknown }): void {
  if (json.format === 'date-time' || json.format === 'uuid') delete json.pattern;
}

/** References inside one schema point at its own `$defs`; here they point at the shared components. */
const deref = (value: Record<string, Json>): Json =>
  JSON.parse(
    JSON.stringify(value, (key, v: unknown) => (key === '$ref' && typeof v === 'string' ? v.replace('#/$defs/', '#/components/schemas/') : v)),
  ) as Json;
