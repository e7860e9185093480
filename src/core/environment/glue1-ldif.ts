import { type Glue1Ad, glue1Ad } from './glue1-ad.ts';
import { type LdifAttribute, ldifEntry, rdn } from './ldif.ts';
import type { Advertisement, Share, SiteFacts } from './site.ts';

const root = 'o=grid';
const base = `${rdn('mds-vo-name', 'resource')},${root}`;

const ceClasses = ['GlueCETop', 'GlueCE', 'GlueCEAccessControlBase', 'GlueCEInfo', 'GlueCEPolicy', 'GlueCEState', 'GlueKey', 'GlueSchemaVersion'];
const clusterClasses = ['GlueClusterTop', 'GlueCluster', 'GlueKey', 'GlueSchemaVersion'];
const subClusterClasses = [
  'GlueClusterTop',
  'GlueSubCluster',
  'GlueHost',
  'GlueHostApplicationSoftware',
  'GlueHostArchitecture',
  'GlueHostBenchmark',
  'GlueHostMainMemory',
  'GlueHostNetworkAdapter',
  'GlueHostOperatingSystem',
  'GlueHostProcessor',
  'GlueKey',
  'GlueSchemaVersion',
];
const version: readonly LdifAttribute[] = [
  ['GlueSchemaVersionMajor', 1],
  ['GlueSchemaVersionMinor', 3],
];

/**
 * GLUE 1 for LDAP (spec/environments.md §4.1). Each share has a cluster with one SubCluster of its own, because a broker takes a CE together with one
 * SubCluster: two below one cluster would let it see tags of another environment.
 */
export const glue1Ldif = ({ site, shares }: Advertisement): string =>
  [
    ldifEntry(root, [...objectClasses(['organization']), ['o', 'grid']]),
    ldifEntry(base, [...objectClasses(['MDS']), ['mds-vo-name', 'resource']]),
    ...shares.map((share) => shareEntries(share, site)),
  ].join('');

function shareEntries(share: Share, site: SiteFacts): string {
  const ad = glue1Ad(share, site);
  const ce = String(ad['GlueCEUniqueID']);
  const cluster = `${site.host}/${share.name}`;
  const clusterDn = `${rdn('GlueClusterUniqueID', cluster)},${base}`;
  return [
    ldifEntry(clusterDn, [
      ...objectClasses(clusterClasses),
      ['GlueClusterUniqueID', cluster],
      ['GlueClusterName', share.name],
      ['GlueClusterService', ce],
      ['GlueForeignKey', `GlueSiteUniqueID=${site.site}`],
      ['GlueForeignKey', `GlueCEUniqueID=${ce}`],
      ...version,
    ]),
    ldifEntry(`${rdn('GlueSubClusterUniqueID', cluster)},${clusterDn}`, [
      ...objectClasses(subClusterClasses),
      ['GlueSubClusterUniqueID', cluster],
      ['GlueSubClusterName', share.name],
      ...attributesOf(ad, 'GlueHost'),
      ['GlueChunkKey', `GlueClusterUniqueID=${cluster}`],
      ...version,
    ]),
    ldifEntry(`${rdn('GlueCEUniqueID', ce)},${base}`, [
      ...objectClasses(ceClasses),
      ...attributesOf(ad, 'GlueCE'),
      ['GlueCEHostingCluster', site.host],
      ['GlueCEInfoContactString', site.url],
      ['GlueForeignKey', `GlueClusterUniqueID=${cluster}`],
      ...version,
    ]),
  ].join('');
}

const objectClasses = (names: readonly string[]): readonly LdifAttribute[] => names.map((name) => ['objectClass', name]);

const attributesOf = (ad: Glue1Ad, start: string): readonly LdifAttribute[] =>
  Object.entries(ad)
    .filter(([name]) => name.startsWith(start))
    .flatMap(([name, value]) => (typeof value === 'object' ? value.map((item): LdifAttribute => [name, item]) : [[name, value] as const]));
