import type { MachineFacts } from '../machine.ts';
import { featurePlaces } from './features.ts';

/** What the metadata service knows of one machine. */
export interface MetadataFacts {
  readonly machine: MachineFacts;
  /** Name of the factory, given as availability zone. */
  readonly factory: string;
  readonly hasUserData: boolean;
  /** Public key for root, as in an `authorized_keys` file. */
  readonly publicKey?: string;
}

/** `user-data` stands for the machine's own file, which is not held in memory. */
export type Document = { readonly body: string; readonly type: string } | 'user-data';
/** A place below which there are others; functions are read only when asked for. */
interface Tree {
  readonly [name: string]: Tree | (() => Document);
}

/** Address of every machine on its private network with the daemon (docs/machines.md). */
export const guestAddress = '169.254.169.1';
/** Any date is answered; these are listed, since clients choose from the list. */
const ec2Versions = ['2009-04-04', '2021-03-23', 'latest'];
const openstackVersions = ['2012-08-10', '2013-04-04', '2013-10-17', '2015-10-15', '2016-06-30', '2016-10-06', '2017-02-22', '2018-08-27', 'latest'];
const isVersion = (text: string | undefined): boolean => text !== undefined && /^(\d{4}-\d\d-\d\d|latest)$/.test(text);

const text = (body: string) => (): Document => ({ body, type: 'text/plain' });
const json = (value: unknown) => (): Document => ({ body: JSON.stringify(value), type: 'application/json' });
const userData = (): Document => 'user-data';

/**
 * The document at a path of the EC2, OpenStack or NoCloud metadata service; undefined: there is none (spec/factory.md §13).
 * `segments`: the path without its slashes; `directory`: it ended with one, as only listings may.
 */
export function metadataDocument(segments: readonly string[], directory: boolean, facts: MetadataFacts): Document | undefined {
  const [first, second] = segments;
  if (first === undefined) return text(lines(ec2Versions))();
  if (isVersion(first)) return find(ec2Tree(facts), segments.slice(1), directory);
  if (first === 'nocloud') return find(nocloudTree(facts), segments.slice(1), directory);
  if (first !== 'openstack') return undefined;
  if (second === undefined) return text(lines(openstackVersions))();
  return isVersion(second) ? find(openstackTree(facts), segments.slice(2), directory) : undefined;
}

const lines = (names: readonly string[]): string => names.join('\n');

function find(tree: Tree, segments: readonly string[], directory: boolean): Document | undefined {
  let node: Tree | (() => Document) = tree;
  for (const segment of segments) {
    const next: Tree | (() => Document) | undefined = typeof node === 'function' || !Object.hasOwn(node, segment) ? undefined : node[segment];
    if (next === undefined) return undefined;
    node = next;
  }
  if (typeof node !== 'function') return text(lines(listing(node, segments.at(-1))))();
  return directory ? undefined : node();
}

/** As EC2 lists: a slash behind what has more below it; keys by number and name; and the one line that CernVM looks for (spec/factory.md §13). */
function listing(tree: Tree, name: string | undefined): string[] {
  if (name === 'public-keys') return ['0=root'];
  const entries = Object.entries(tree).map(([entry, below]) => (typeof below === 'function' ? entry : `${entry}/`));
  return 'public-keys' in tree ? ['public-keys/0/openssh-key', ...entries] : entries;
}

const ifUserData = (facts: MetadataFacts, ...names: readonly string[]): Tree => (facts.hasUserData ? Object.fromEntries(names.map((n) => [n, userData])) : {});

function metaData({ machine, publicKey }: MetadataFacts): Tree {
  return {
    'ami-id': text(machine.id),
    hostname: text(machine.name),
    'instance-id': text(machine.id),
    'local-hostname': text(machine.name),
    'local-ipv4': text(guestAddress),
    ...(publicKey === undefined ? {} : { 'public-keys': { '0': { 'openssh-key': text(publicKey) } } }),
  };
}

/** The three URLs are metadata keys since HSF-TN-2016-04 (spec/factory.md §13). */
function machineJson({ machine, factory, publicKey }: MetadataFacts): () => Document {
  return json({
    availability_zone: factory,
    hostname: machine.name,
    name: machine.name,
    uuid: machine.id,
    public_keys: publicKey === undefined ? {} : { '0': publicKey },
    meta: { ...featurePlaces(machine.model), machinetype: machine.machinetype },
  });
}

function ec2Tree(facts: MetadataFacts): Tree {
  const document = machineJson(facts);
  return { 'meta-data': metaData(facts), ...ifUserData(facts, 'user-data', 'user_data'), 'meta-data.json': document, 'meta_data.json': document };
}

function openstackTree(facts: MetadataFacts): Tree {
  return { ...ec2Tree(facts), 'vendor_data.json': json({}), 'vendor_data2.json': json({}) };
}

/** YAML, of which JSON strings are a part. cloud-init takes the seed only if user-data is there, be it empty. */
function nocloudTree(facts: MetadataFacts): Tree {
  const { machine, publicKey } = facts;
  const pairs: [string, unknown][] = [
    ['instance-id', machine.id],
    ['local-hostname', machine.name],
    ['hostname', machine.name],
  ];
  if (publicKey !== undefined) pairs.push(['public-keys', publicKey.split('\n').filter((line) => line.trim() !== '')]);
  return {
    'meta-data': text(`${lines(pairs.map(([key, value]) => `${key}: ${JSON.stringify(value)}`))}\n`),
    'user-data': facts.hasUserData ? userData : text(''),
    'vendor-data': text(''),
  };
}
