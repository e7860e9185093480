import { unlimited } from './environment.ts';
import type { Entity } from './glue2-classes.ts';
import { type Advertisement, admitted, capacityOf, freeOf, type Offer, servingState, type Share, type SiteFacts, worstWait } from './site.ts';

/** What the site as a whole can do (spec/environments.md §4.4). */
const capabilities = ['executionmanagement.jobexecution', 'executionmanagement.dynamicvmdeploy'];

/** What is published in GLUE 2, in the order of publication (spec/environments.md §4.3–4.5). What is not known is left out. */
export function glue2Entities({ site, offers, shares }: Advertisement): readonly Entity[] {
  const named = (name: string): string => `${name}.${site.host}`;
  const environments = offers.map((offer) => named(offer.environment.name));
  const shareNames = shares.map((share) => named(share.name));
  const all = capacityOf(offers);
  const jobs = { TotalJobs: all.runningJobs + all.waitingJobs, RunningJobs: all.runningJobs, WaitingJobs: all.waitingJobs };
  return [
    {
      class: 'ComputingService',
      name: site.host,
      properties: { Type: 'org.vacuum.ce', QualityLevel: 'production', Capability: capabilities, ...jobs },
      links: { LocationID: [site.site] },
    },
    endpoint(site, offers, shareNames),
    {
      class: 'ComputingManager',
      name: site.host,
      properties: {
        ProductName: 'Vacua',
        ProductVersion: site.version,
        TotalSlots: all.maxInstances,
        SlotsUsedByGridJobs: all.runningJobs,
        Homogeneous: offers.length === 1,
      },
      links: { ServiceID: [site.host], ResourceID: environments, ApplicationEnvironmentID: environments },
    },
    ...shares.flatMap((share) => shareEntities(share, site, named)),
    ...offers.flatMap((offer) => environmentEntities(offer, site, { name: named(offer.environment.name), shares: sharesWith(offer, shares).map(named) })),
    {
      class: 'AccessPolicy',
      name: site.host,
      properties: { Scheme: 'basic', Rule: rules(admitted(offers, site)) },
      links: { EndpointID: [site.host], ...domains(admitted(offers, site)) },
    },
  ];
}

const sharesWith = ({ environment }: Offer, shares: readonly Share[]): readonly string[] =>
  shares.filter((share) => share.offers.some((offer) => offer.environment.name === environment.name)).map((share) => share.name);

const endpoint = (site: SiteFacts, offers: readonly Offer[], shares: readonly string[]): Entity => ({
  class: 'ComputingEndpoint',
  name: site.host,
  properties: {
    URL: site.url,
    InterfaceName: 'org.vacuum.jobs',
    InterfaceVersion: ['1.0'],
    Technology: 'http',
    Implementor: 'Vacua',
    ImplementationName: 'Vacua',
    ImplementationVersion: site.version,
    QualityLevel: 'production',
    HealthState: 'ok',
    ServingState: servingState(offers),
    Staging: 'staginginout',
    JobDescription: ['glite:jdl'],
  },
  links: { ServiceID: [site.host], ShareID: shares },
});

function shareEntities({ name, tags, offers }: Share, site: SiteFacts, named: (name: string) => string): readonly Entity[] {
  const all = capacityOf(offers);
  const serving = servingState(offers);
  const wait = serving === 'production' ? worstWait(all) : unlimited;
  const vos = admitted(offers, site);
  return [
    {
      class: 'ComputingShare',
      name: named(name),
      properties: {
        Description: offers.length === 1 ? `Jobs in the environment ${offers[0].environment.name}` : 'Jobs in any environment of this site',
        ServingState: serving,
        MappingQueue: name,
        MaxWallTime: all.maxWall,
        MaxRunningJobs: all.maxInstances,
        MaxSlotsPerJob: all.processors,
        MaxMainMemory: all.memoryMb,
        MaxDiskSpace: all.diskGb,
        TotalJobs: all.runningJobs + all.waitingJobs,
        RunningJobs: all.runningJobs,
        WaitingJobs: all.waitingJobs,
        FreeSlots: all.free,
        UsedSlots: all.runningJobs,
        EstimatedAverageWaitingTime: wait === unlimited ? unlimited : Math.ceil(wait / 2),
        EstimatedWorstWaitingTime: wait,
        Tag: tags,
      },
      links: {
        EndpointID: [site.host],
        ResourceID: offers.map((offer) => named(offer.environment.name)),
        ServiceID: [site.host],
        MappingPolicyID: [named(name)],
      },
    },
    {
      class: 'MappingPolicy',
      name: named(name),
      properties: { Scheme: 'basic', Rule: rules(vos) },
      links: { ShareID: [named(name)], ...domains(vos) },
    },
  ];
}

function environmentEntities(
  offer: Offer,
  site: SiteFacts,
  { name, shares }: { readonly name: string; readonly shares: readonly string[] },
): readonly Entity[] {
  const { environment: e, counts } = offer;
  return [
    {
      class: 'ExecutionEnvironment',
      name,
      properties: {
        Platform: e.platform,
        VirtualMachine: !e.native,
        TotalInstances: e.maxInstances,
        UsedInstances: counts.instances,
        LogicalCPUs: e.processors.max,
        MainMemorySize: e.memoryMb.max,
        OSFamily: e.os.family,
        ...(e.os.name !== '' && { OSName: e.os.name }),
        ...(e.os.version !== '' && { OSVersion: e.os.version }),
        ConnectivityIn: false,
        ConnectivityOut: site.outbound,
      },
      links: { ManagerID: [site.host], ShareID: shares, ApplicationEnvironmentID: [name] },
    },
    {
      class: 'ApplicationEnvironment',
      name,
      properties: {
        AppName: e.appName,
        ...(e.appVersion !== '' && { AppVersion: e.appVersion }),
        State: counts.state,
        License: 'unknown',
        MaxJobs: e.maxInstances,
        FreeJobs: freeOf(offer),
      },
      links: { ComputingManagerID: [site.host], ExecutionEnvironmentID: [name] },
    },
  ];
}

/** Of the scheme `basic`. */
const rules = (vos: readonly string[]): readonly string[] => (vos.length === 0 ? ['all'] : vos.map((vo) => `${vo.startsWith('/') ? 'voms' : 'vo'}:${vo}`));

const domains = (vos: readonly string[]): { readonly UserDomainID?: readonly string[] } => {
  const names = [...new Set(vos.map((vo) => vo.split('/').find((part) => part !== '') ?? vo))];
  return names.length === 0 ? {} : { UserDomainID: names };
};
