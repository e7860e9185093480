import { type Ad, adOf, printAd } from '../classad/classad.ts';
import { type Environment, type EnvironmentCounts, unlimited } from './environment.ts';
import { type Advertisement, admitted, capacityOf, ownShare, servingState, type Share, type SiteFacts, worstWait } from './site.ts';
import { isOpen } from './state.ts';

/** Unknown, as text (spec/environments.md §4.6). */
export const undefinedValue = 'UNDEFINEDVALUE';
/** Batch system in the name of a CE. */
const lrms = 'vacua';

/** Attributes of GLUE 1 by name. */
export type Glue1Ad = Readonly<Record<string, string | number | boolean | readonly string[]>>;

/** GLUE 1 has the words of `uname -m`. */
const machineWords: Readonly<Record<string, string>> = { amd64: 'x86_64', arm64: 'aarch64', i386: 'i686' };
const states = { production: 'Production', draining: 'Draining', closed: 'Closed' } as const;

/** The flat ad of a share as a broker keeps it: attributes of the CE, its cluster and one SubCluster together (spec/environments.md §4.1). Times of policies are minutes. */
export function glue1Ad(share: Share, site: SiteFacts): Glue1Ad {
  const { name, tags, offers } = share;
  const all = capacityOf(offers);
  const { environment: e } = offers.find((offer) => isOpen(offer.counts.state)) ?? offers[0];
  const serving = servingState(offers);
  const wait = serving === 'production' ? worstWait(all) : unlimited;
  const rules = admitted(offers, site).map((vo) => (vo.startsWith('/') ? `VOMS:${vo}` : `VO:${vo}`));
  return {
    GlueCEUniqueID: `${site.host}:${site.port}/jobmanager-${lrms}-${name}`,
    GlueCEName: name,
    GlueCEInfoHostName: site.host,
    GlueCEInfoLRMSType: lrms,
    GlueCEImplementationName: 'Vacua',
    GlueCEImplementationVersion: site.version,
    GlueCEStateStatus: states[serving],
    // Jobs end, on average, half way through their greatest wall time.
    GlueCEStateEstimatedResponseTime: wait === unlimited ? unlimited : Math.ceil(wait / 2),
    GlueCEStateWorstResponseTime: wait,
    GlueCEStateFreeCPUs: Math.min(unlimited, all.free * all.processors),
    GlueCEStateFreeJobSlots: all.free,
    GlueCEStateRunningJobs: all.runningJobs,
    GlueCEStateWaitingJobs: all.waitingJobs,
    GlueCEStateTotalJobs: all.runningJobs + all.waitingJobs,
    GlueCEPolicyMaxWallClockTime: Math.floor(all.maxWall / 60),
    GlueCEPolicyMaxCPUTime: Math.min(unlimited, Math.floor((all.maxWall * all.processors) / 60)),
    GlueCEPolicyMaxRunningJobs: all.maxInstances,
    GlueCEPolicyMaxTotalJobs: unlimited,
    GlueCEPolicyAssignedJobSlots: all.maxInstances,
    ...(rules.length > 0 && { GlueCEAccessControlBaseRule: rules }),
    GlueHostApplicationSoftwareRunTimeEnvironment: tags,
    GlueHostMainMemoryRAMSize: all.memoryMb,
    GlueHostMainMemoryVirtualSize: all.memoryMb,
    GlueHostOperatingSystemName: e.os.name || undefinedValue,
    GlueHostOperatingSystemRelease: e.os.version || undefinedValue,
    GlueHostOperatingSystemVersion: e.os.version || undefinedValue,
    GlueHostArchitecturePlatformType: machineWords[e.platform] ?? e.platform,
    GlueHostArchitectureSMPSize: all.processors,
    GlueHostProcessorClockSpeed: unlimited,
    GlueHostProcessorModel: undefinedValue,
    GlueHostProcessorVendor: undefinedValue,
    GlueHostBenchmarkSI00: unlimited,
    GlueHostBenchmarkSF00: unlimited,
    GlueHostNetworkAdapterInboundIP: false,
    GlueHostNetworkAdapterOutboundIP: site.outbound,
  };
}

/** The ad against which the job of one environment is evaluated: as published, but with the tags of this environment alone (spec/environments.md §6.1). */
export const classadOf = (environment: Environment, counts: EnvironmentCounts, site: SiteFacts): Ad =>
  adOf(glue1Ad(ownShare({ environment, counts }, site), site));

/** `GET /classads`: one ad per share, each on a line. */
export const classads = ({ shares, site }: Advertisement): string => shares.map((share) => `${printAd(adOf(glue1Ad(share, site)))}\n`).join('');
