import { z } from 'zod';

/** Answers of OpenStack, only what is used of them; anything else in them is ignored. */

const short = z.string().max(1000);
const id = z.string().min(1).max(255);

export const TokenBody = z.object({
  token: z.object({
    expires_at: short,
    issued_at: short.optional(),
    project: z.object({ id: short, name: short }).optional(),
    catalog: z
      .array(
        z.object({
          type: short,
          endpoints: z.array(z.object({ interface: short, url: short, region: short.nullish(), region_id: short.nullish() })),
        }),
      )
      .default([]),
  }),
});
export type TokenBody = z.infer<typeof TokenBody>;

export const VersionBody = z.object({ version: z.object({ version: short.default(''), min_version: short.default('') }) });

const flavor = z.object({ id: id.optional(), vcpus: z.number().int().nonnegative().max(1_000_000).optional() });
const address = z.object({ addr: z.string().max(100), 'OS-EXT-IPS:type': z.string().optional() });

/** What must be there for a server to count at all. */
export const AnyServer = z.looseObject({
  id,
  metadata: z.record(z.string(), z.unknown()).optional(),
  tags: z.array(z.string()).optional(),
  name: z.string().nullish(),
});

export const ServerFault = z.object({ message: z.string().default(''), code: z.number().optional() });
export const Server = z.object({
  id,
  name: z.string(),
  status: short,
  metadata: z.record(z.string(), z.unknown()),
  tags: z.array(z.string()).optional(),
  flavor,
  image: z.union([z.object({ id }), z.literal('')]).nullish(),
  addresses: z.record(z.string(), z.array(address)).default({}),
  created: short,
  updated: short.default(''),
  'OS-EXT-STS:task_state': short.nullable().default(null),
  'OS-EXT-STS:power_state': z.number().nullable().default(null),
  'OS-SRV-USG:launched_at': short.nullish(),
  'OS-EXT-AZ:availability_zone': short.nullish(),
  fault: ServerFault.optional(),
});
export type Server = z.infer<typeof Server>;

const links = z.array(z.object({ rel: z.string(), href: z.string() })).optional();
export const ServerPage = z.object({ servers: z.array(z.unknown()), servers_links: links });
export const FlavorPage = z.object({
  flavors: z.array(
    z.object({ id, name: short, vcpus: z.number().int().nonnegative(), ram: z.number().nonnegative(), disk: z.number().nonnegative().default(0) }),
  ),
  flavors_links: links,
});

/** -1: no limit, or not counted. */
const limit = z.number().int().default(-1);
export const Limits = z.object({
  limits: z.object({
    absolute: z.object({
      maxTotalCores: limit,
      maxTotalInstances: limit,
      maxTotalRAMSize: limit,
      totalCoresUsed: limit,
      totalInstancesUsed: limit,
    }),
  }),
});

export const Created = z.object({ server: z.object({ id }) });
export const KeyPair = z.object({ keypair: z.object({ name: short, public_key: z.string().max(20_000) }) });

export const Image = z.looseObject({
  id,
  name: z.string().nullish(),
  status: short,
  owner: z.string().nullish(),
  created_at: short,
  os_hash_algo: z.string().nullish(),
  os_hash_value: z.string().nullish(),
});
export type Image = z.infer<typeof Image>;
export const ImagePage = z.object({ images: z.array(Image), next: short.optional() });

export const Network = z.object({
  id,
  name: z.string(),
  shared: z.boolean().default(false),
  'router:external': z.boolean().default(false),
  project_id: z.string().optional(),
  tenant_id: z.string().optional(),
});
export type Network = z.infer<typeof Network>;
export const NetworkPage = z.object({ networks: z.array(Network) });
export const SecurityGroupPage = z.object({ security_groups: z.array(z.object({ id, name: z.string() })) });
export const PortPage = z.object({ ports: z.array(z.object({ id })) });
export const FloatingPage = z.object({ floatingips: z.array(z.object({ id, description: z.string().nullish(), port_id: z.string().nullish() })) });
export const ZonePage = z.object({ availabilityZoneInfo: z.array(z.object({ zoneName: short, zoneState: z.object({ available: z.boolean() }) })) });
export const Console = z.object({ output: z.string().nullable() });
