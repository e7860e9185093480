import { z } from 'zod';
import type { Instant } from '../units.ts';
import { type Entity, type Glue2Class, glue2ClassNames, type Link, type Property, type PropertyValue, rowOf } from './glue2-classes.ts';
import { glue2Entities } from './glue2-entities.ts';
import type { Advertisement } from './site.ts';

type Json = PropertyValue | { readonly [name: string]: string | readonly string[] };
export type Glue2Document = Readonly<Record<string, readonly Readonly<Record<string, Json>>[]>>;

const urn = (type: string, name: string): string => `urn:glue2:${type}:${encodeURI(name.toWellFormed())}`;
/** `CCYY-MM-DDThh:mm:ssZ` */
export const glueTime = (at: Instant): string => `${new Date(at).toISOString().slice(0, 19)}Z`;

/** `GET /glue2` (spec/environments.md §4.3): lists of objects by class. */
export function glue2Document(advertisement: Advertisement): Glue2Document {
  const document: Record<string, Readonly<Record<string, Json>>[]> = {};
  const common = { CreationTime: glueTime(advertisement.createdAt), Validity: advertisement.validity };
  for (const entity of glue2Entities(advertisement)) {
    const one = { ID: urn(entity.class, entity.name), ...common, ...entity.properties, Associations: associations(entity) };
    (document[entity.class] ??= []).push(one);
  }
  return document;
}

/** Ids of what an entity leads to; a mandatory list without any is empty. */
function associations(entity: Entity): { readonly [name: string]: string | readonly string[] } {
  const links: Readonly<Record<string, readonly string[] | undefined>> = entity.links;
  const found: Record<string, string | readonly string[]> = {};
  for (const [name, link] of Object.entries(rowOf(entity.class).links)) {
    const ids = (links[name] ?? []).map((target) => urn(link.to, target));
    if (!link.many && ids[0] !== undefined) found[name] = ids[0];
    if (link.many && (link.mandatory || ids.length > 0)) found[name] = ids;
  }
  return found;
}

const id = z.string().regex(/^[A-Za-z][A-Za-z0-9+.-]*:[^\s"<>\\^`{|}]+$/, 'no URI');
const whole = z.int();

function schemaOf({ kind, words, mandatory }: Property): z.ZodType {
  const kinds = { text: words ? z.enum(words) : z.string(), texts: z.array(z.string()), count: whole, real: z.number(), flag: z.boolean() };
  return mandatory ? kinds[kind] : kinds[kind].nullish();
}
const linkSchema = ({ many, mandatory }: Link): z.ZodType => {
  const type = many ? z.array(id) : id;
  return mandatory ? type : type.optional();
};

const objectOf = (name: Glue2Class): z.ZodType => {
  const { properties, links } = rowOf(name);
  const needed = Object.values(links).some((link) => link.mandatory);
  const ids = z.looseObject(Object.fromEntries(Object.entries(links).map(([link, row]) => [link, linkSchema(row)])));
  return z.looseObject({
    ID: id,
    CreationTime: z
      .string()
      .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'not of the form CCYY-MM-DDThh:mm:ssZ')
      .optional(),
    Validity: whole.optional(),
    Name: z.string().optional(),
    OtherInfo: z.array(z.string()).optional(),
    Extension: z.looseObject({}).optional(),
    ...Object.fromEntries(Object.entries(properties).map(([property, row]) => [property, schemaOf(row)])),
    Associations: needed ? ids : ids.optional(),
  });
};

const Document = z.looseObject(Object.fromEntries(glue2ClassNames.map((name) => [name, z.array(objectOf(name)).optional()])));

/** What in a GLUE 2 document is not as spec/environments.md §4.3 has it, each with its place; further properties and classes are allowed. */
export function glue2Problems(document: unknown): readonly string[] {
  const read = Document.safeParse(document);
  return read.success ? [] : read.error.issues.map((issue) => `${issue.path.map(String).join('.')}: ${issue.message}`);
}
