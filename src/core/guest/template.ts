import type { MachineFacts } from '../machine.ts';
import type { Machinetype } from '../machinetype.ts';
import type { Settings } from '../settings.ts';
import { type FeaturePlaces, featurePlaces } from './features.ts';

/** Value for the name between `##user_data_` and `##`. Text is inserted as UTF-8, bytes as they are. */
export type Substitutions = ReadonlyMap<string, string | Uint8Array>;

const known = /##user_data_([a-z0-9_]+)##/g;
/** The reference's own expression, which is why a comma is in it. */
const leftover = /##user_data_[a-z0-9,_]*##/g;

/** Greatest user data, filled in: far above what any machine can use, and small enough to be built without stopping the daemon. */
export const maxUserDataBytes = 16 * 1024 * 1024;

/**
 * Fills in a user data template (spec/factory.md §12.1). Patterns with a value are replaced, leftmost first, then patterns
 * that remain in the template's own text are removed. Inserted values are never searched again.
 * Bytes that belong to no pattern stay as they are; gzip data is returned untouched, for a change would break it.
 * Throws before the result is built when it would have more than {@link maxUserDataBytes}: a tenant writes both template and values.
 */
export function renderUserData(template: string | Uint8Array, substitutions: Substitutions): Uint8Array {
  const bytes = Buffer.from(template);
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return bytes;
  // latin1 gives one character per byte, so that the expressions work on any bytes and nothing is lost on the way back.
  const text = bytes.toString('latin1');
  const parts: Buffer[] = [];
  let size = 0;
  const append = (part: Buffer): void => {
    size += part.length;
    if (size > maxUserDataBytes) throw new Error(`user data would be longer than ${maxUserDataBytes} bytes when filled in; valid: at most that`);
    parts.push(part);
  };
  const literal = (from: number, to: number): void => append(Buffer.from(text.slice(from, to).replace(leftover, ''), 'latin1'));
  // One copy of each value, however often it is inserted.
  const values = new Map<string, Buffer>();
  let done = 0;
  known.lastIndex = 0;
  for (let match = known.exec(text); match !== null; match = known.exec(text)) {
    const value = substitutions.get(match[1] ?? '');
    if (value === undefined) {
      // The closing ## of an unknown pattern may open a known one.
      known.lastIndex = match.index + 1;
      continue;
    }
    literal(done, match.index);
    const bytesOfValue = values.get(match[1] ?? '') ?? Buffer.from(value);
    values.set(match[1] ?? '', bytesOfValue);
    append(bytesOfValue);
    done = known.lastIndex;
  }
  literal(done, text.length);
  return Buffer.concat(parts, size);
}

/** Patterns of a template that have no value and will be removed: most likely misspelt. At most 20, in the order of the text. */
export function unknownPatterns(template: string | Uint8Array, substitutions: Substitutions): readonly string[] {
  const bytes = Buffer.from(template);
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return [];
  const names = new Set<string>();
  for (const [pattern, name = ''] of bytes.toString('latin1').matchAll(known)) if (!substitutions.has(name)) names.add(pattern);
  return [...names].slice(0, 20);
}

export interface TemplateFacts {
  readonly machine: MachineFacts;
  readonly machinetype: Machinetype;
  readonly settings: Pick<Settings, 'space' | 'factoryName'>;
  /** Product and version, `Vacua 1.2.3`. */
  readonly manager: string;
  /** Contents of the files named by `user_data_file_XXX`, by XXX. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** PEM text, when the machinetype asks for a proxy. */
  readonly proxy?: string;
  /** Token for its tenant's queue, when the machinetype has a key for it. */
  readonly queueToken?: string;
  /** Present for machines far away. */
  readonly remote?: RemoteTemplateFacts;
}

/** What else the user data of a machine at a cloud may name (spec/cloud.md §6.2). */
export interface RemoteTemplateFacts {
  readonly places: FeaturePlaces;
  readonly heartbeatMachinesUrl: string;
  readonly site?: string;
  /** Live machines that serve as HTTP caches, as `http://ip:port`, newest heartbeat first (spec/cloud.md §6.3). */
  readonly caches: readonly string[];
}

const isUrl = (text: string | undefined): text is string => text !== undefined && /^https?:\/\//.test(text);

/** Every pattern that has a value for this machine, deprecated and `manager_` spellings included (spec/factory.md §12.1). */
export function substitutionsFor(facts: TemplateFacts): Substitutions {
  const { machine, machinetype, settings } = facts;
  const values = new Map<string, string | Uint8Array>();
  for (const [name, content] of facts.files) values.set(`file_${name}`, content).set(`option_${name}`, content);
  // A text beats a file of the same name.
  for (const [name, text] of machinetype.userDataOptions) values.set(`option_${name}`, text);
  if (facts.proxy !== undefined) values.set('option_x509_proxy', facts.proxy);
  if (facts.queueToken !== undefined) values.set('option_queue_token', facts.queueToken);
  const set = (value: string, ...names: readonly string[]): void => {
    for (const name of names) values.set(name, value);
  };
  if (isUrl(machinetype.userData)) set(machinetype.userData, 'url');
  if (isUrl(machinetype.rootImage)) set(machinetype.rootImage, 'root_image_url');
  set(settings.space, 'space');
  set(machine.machinetype, 'machinetype', 'vmtype');
  set(machine.name, 'machine_hostname', 'vm_hostname');
  set(facts.manager, 'manager_version', 'vmlm_version');
  set(settings.factoryName, 'manager_hostname', 'vmlm_hostname');
  set(machine.id, 'uuid');
  const { remote } = facts;
  if (remote) {
    set(remote.heartbeatMachinesUrl, 'heartbeat_machines_url');
    if (remote.site !== undefined) set(remote.site, 'site');
    const given = machinetype.userDataOptions.get('cvmfs_proxy');
    if (remote.caches.length > 0) set([remote.caches.join('|'), ...(given === undefined ? [] : [given])].join(';'), 'option_cvmfs_proxy');
  }
  const places = remote?.places ?? featurePlaces(machine.model);
  set(places.machinefeatures, 'machinefeatures_url', 'manager_machinefeatures_url');
  set(places.jobfeatures, 'jobfeatures_url', 'manager_jobfeatures_url');
  set(places.joboutputs, 'joboutputs_url', 'manager_joboutputs_url');
  return values;
}
