import type { z } from 'zod';
import type { CloudOffer } from '../../core/cloud/offer.ts';
import type { Limits } from './schema.ts';

/** What the project allows and offers. A limit below 0 is none (spec/cloud.md §7.2, GET /limits). */
export function offerOf(limits: z.infer<typeof Limits>['limits']['absolute'], flavors: CloudOffer['flavors']): CloudOffer {
  return {
    quota: {
      ...(limits.maxTotalCores >= 0 && { processors: limits.maxTotalCores }),
      ...(limits.maxTotalInstances >= 0 && { machines: limits.maxTotalInstances }),
      ...(limits.maxTotalRAMSize >= 0 && { memoryMb: limits.maxTotalRAMSize }),
    },
    used: { processors: Math.max(0, limits.totalCoresUsed), machines: Math.max(0, limits.totalInstancesUsed) },
    flavors,
  };
}
