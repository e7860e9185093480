import { type Entity, glue2ClassNames, type Property, type PropertyValue, rowOf } from './glue2-classes.ts';
import { glue2Entities } from './glue2-entities.ts';
import { glueTime } from './glue2-json.ts';
import { type LdifAttribute, ldifEntry, rdn } from './ldif.ts';
import type { Advertisement } from './site.ts';

/** `GET /glue2.ldif` (spec/environments.md §4.6): the tree from `o=glue` down to the site's service, and everything else below that. */
export function glue2Ldif(advertisement: Advertisement): string {
  const { site } = advertisement;
  const root = 'o=glue';
  const domain = `${rdn('GLUE2DomainID', site.site)},${root}`;
  const group = `${rdn('GLUE2GroupID', site.group)},${domain}`;
  const service = `${rdn('GLUE2ServiceID', site.host)},${group}`;
  const common: readonly LdifAttribute[] = [
    ['GLUE2EntityCreationTime', glueTime(advertisement.createdAt)],
    ['GLUE2EntityValidity', advertisement.validity],
  ];
  const parents = [
    ldifEntry(root, [...objectClasses('organization'), ['o', 'glue']]),
    ldifEntry(domain, [...objectClasses('GLUE2Entity', 'GLUE2Domain', 'GLUE2AdminDomain'), ['GLUE2DomainID', site.site], ...common]),
    ldifEntry(group, [...objectClasses('GLUE2Group'), ['GLUE2GroupID', site.group]]),
  ];
  const entities = glue2Entities(advertisement).map((entity) => {
    const { base } = rowOf(entity.class);
    const name = idName(entity.class);
    const id = `${entity.name}${rowOf(entity.class).suffix}`;
    const classes = ['GLUE2Entity', ...(base === undefined ? [] : [`GLUE2${base}`]), `GLUE2${entity.class}`];
    const dn = entity.class === 'ComputingService' ? service : `${rdn(name, id)},${service}`;
    const parent: readonly LdifAttribute[] = entity.class === 'ComputingService' ? [['GLUE2ServiceAdminDomainForeignKey', site.site]] : [];
    return ldifEntry(dn, [...objectClasses(...classes), [name, id], ...common, ...properties(entity), ...keys(entity), ...parent]);
  });
  return [...parents, ...entities].join('');
}

const suffixes: ReadonlyMap<string, string> = new Map(glue2ClassNames.map((name) => [name, rowOf(name).suffix]));

const objectClasses = (...names: readonly string[]): readonly LdifAttribute[] => names.map((name) => ['objectClass', name]);

/** Attribute with the id of an entity: `GLUE2ShareID`. */
export const idName = (type: Entity['class']): string => `GLUE2${rowOf(type).base ?? type}ID`;

/** Attribute of a property: that of the base class where it is inherited. */
export function attributeName(type: Entity['class'], name: string, { inherited }: Property): string {
  const { base } = rowOf(type);
  return `GLUE2${inherited && base !== undefined ? base : type}${name}`;
}

const properties = (entity: Entity): readonly LdifAttribute[] =>
  Object.entries(entity.properties as Readonly<Record<string, PropertyValue>>).flatMap(([name, value]) => {
    const row = rowOf(entity.class).properties[name];
    if (row === undefined) return [];
    const attribute = attributeName(entity.class, name, row);
    return typeof value === 'object' ? value.map((item): LdifAttribute => [attribute, item]) : [[attribute, value] as const];
  });

const keys = (entity: Entity): readonly LdifAttribute[] =>
  Object.entries(entity.links as Readonly<Record<string, readonly string[] | undefined>>).flatMap(([name, targets = []]) => {
    const link = rowOf(entity.class).links[name];
    const suffix = suffixes.get(link?.to ?? '') ?? '';
    return (link?.keys ?? []).flatMap((key) => targets.map((target): LdifAttribute => [key, `${target}${suffix}`]));
  });
