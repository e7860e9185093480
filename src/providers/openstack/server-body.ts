import { createHash } from 'node:crypto';
import { type MachineOrder, ProviderError, type RemoteOrder } from '../contract.ts';
import { type MarkFacts, markMetadata, markTag } from '../cloud/marks.ts';
import { isPrintable } from '../cloud/one-line.ts';

/** Nova's limit for the encoded text (spec/cloud.md §6.2). */
export const maxUserData = 65_535;

export interface Found {
  readonly flavorId: string;
  readonly imageId: string;
  /** `undefined`: the cloud decides. */
  readonly networkIds: readonly string[] | undefined;
  readonly keyName?: string;
  readonly zones: readonly string[];
  readonly securityGroups: readonly string[];
  readonly configDrive: boolean;
  /** N of 2.N. */
  readonly microversion: number;
}

/** The zone of a machine: drawn by its id, so that a second attempt asks for the same. */
export function zoneFor(id: string, zones: readonly string[]): string | undefined {
  return zones[createHash('sha256').update(id).digest().readUInt32BE(0) % Math.max(zones.length, 1)];
}

/**
 * Body of POST /servers (spec/cloud.md §7.2, §7.5). Throws a {@link ProviderError} with fault `tenant` for text that a cloud would refuse
 * or garble, and for user data of more than {@link maxUserData} characters in base64.
 */
export function serverBody(order: MachineOrder, remote: RemoteOrder, space: string, manager: string, found: Found): object {
  const marks: MarkFacts = {
    id: order.id,
    space,
    manager,
    machinetype: order.machinetype,
    name: order.name,
    processors: order.processors,
    createdAt: remote.createdAt,
    shutdownTime: remote.shutdownTime,
  };
  const metadata = Object.fromEntries([...remote.metadata, ...Object.entries(markMetadata(marks))]);
  checkName(order.name);
  for (const [key, value] of Object.entries(metadata)) checkMetadata(key, value);
  const userData = Buffer.from(remote.userData).toString('base64');
  if (userData.length > maxUserData) {
    const most = Math.floor(maxUserData / 4) * 3;
    throw refused('USER_DATA_TOO_LARGE', `user data of machine ${order.id} has ${remote.userData.byteLength} bytes; valid are up to ${most}`);
  }
  const zone = zoneFor(order.id, found.zones);
  const networks = found.networkIds?.map((uuid) => ({ uuid }));
  const since = (n: number): boolean => found.microversion >= n;
  return {
    server: {
      name: order.name,
      flavorRef: found.flavorId,
      ...bootFrom(found.imageId, remote.volumeGb),
      user_data: userData,
      metadata,
      ...(networks !== undefined && (networks.length > 0 || since(37)) && { networks: networks.length > 0 ? networks : 'none' }),
      ...(zone !== undefined && { availability_zone: zone }),
      ...(found.securityGroups.length > 0 && { security_groups: found.securityGroups.map((name) => ({ name })) }),
      ...(found.keyName !== undefined && { key_name: found.keyName }),
      ...(found.configDrive && { config_drive: true }),
      ...(since(19) && { description: `Vacua: ${order.machinetype} of space ${space}, made by ${manager}`.slice(0, 255) }),
      ...(since(52) && { tags: [markTag(space, order.id)] }),
    },
  };
}

const bootFrom = (imageId: string, volumeGb: number | undefined): object =>
  volumeGb === undefined
    ? { imageRef: imageId }
    : {
        block_device_mapping_v2: [
          { boot_index: 0, source_type: 'image', uuid: imageId, destination_type: 'volume', volume_size: Math.ceil(volumeGb), delete_on_termination: true },
        ],
      };

const refused = (code: Uppercase<string>, text: string): ProviderError => new ProviderError(code, text, { fault: 'tenant' });

function checkName(name: string): void {
  if (name.length === 0 || name.length > 255 || name !== name.trim() || !isPrintable(name))
    throw refused('NAME_INVALID', `the name ${JSON.stringify(name.slice(0, 80))} cannot be given to a server; valid are 1 to 255 printable characters`);
}

function checkMetadata(key: string, value: string): void {
  if (!/^[a-zA-Z0-9_:. -]{1,255}$/.test(key) || value.length > 255 || !isPrintable(value))
    throw refused('METADATA_INVALID', `metadata ${JSON.stringify(key.slice(0, 80))} cannot be given to a server; valid are up to 255 printable characters`);
}
