import { createHash } from 'node:crypto';
import {
  DescribeImagesCommand,
  DescribeInstanceTypesCommand,
  DescribeKeyPairsCommand,
  type EC2Client,
  ImportKeyPairCommand,
  type _InstanceType,
} from '@aws-sdk/client-ec2';
import type { Flavor } from '../../core/cloud/offer.ts';
import type { Instant } from '../../core/units.ts';
import { ProviderError } from '../contract.ts';
import { oneLine } from '../cloud/one-line.ts';
import { codeOf } from './faults.ts';

/** What changes seldom is asked for again after this time. */
const keepSeconds = 600;

interface Kept<T> {
  readonly value: T;
  readonly until: number;
}

/** Flavors, images and keys of a region, remembered for some minutes. */
export class Resources {
  readonly #client: EC2Client;
  readonly #now: () => Instant;
  readonly #kept = new Map<string, Kept<Promise<unknown>>>();

  constructor(client: EC2Client, now: () => Instant) {
    this.#client = client;
    this.#now = now;
  }

  /** `names`: those allowed; empty: all of the region. */
  flavors(names: readonly string[], signal: AbortSignal): Promise<readonly Flavor[]> {
    return this.#keep(`flavors ${names.join(' ')}`, async () => {
      const flavors: Flavor[] = [];
      let next: string | undefined;
      do {
        const only = names.length > 0 ? { InstanceTypes: [...names] as _InstanceType[] } : { MaxResults: 100 };
        const page = await this.#client.send(new DescribeInstanceTypesCommand({ ...only, ...(next !== undefined && { NextToken: next }) }), {
          abortSignal: signal,
        });
        for (const { InstanceType: name, VCpuInfo, MemoryInfo, InstanceStorageInfo } of page.InstanceTypes ?? []) {
          const processors = VCpuInfo?.DefaultVCpus;
          if (name === undefined || processors === undefined || processors < 1) continue;
          flavors.push({ id: name, name, processors, memoryMb: MemoryInfo?.SizeInMiB ?? 0, diskGb: InstanceStorageInfo?.TotalSizeInGB ?? 0 });
        }
        next = page.NextToken || undefined;
      } while (next !== undefined && flavors.length < 10_000);
      return flavors;
    });
  }

  /** `ami-…` as it is, or the newest available image of our own or public with that name. */
  image(name: string, signal: AbortSignal): Promise<{ readonly imageId: string; readonly rootDevice?: string }> {
    return this.#keep(`image ${name}`, async () => {
      const byId = /^ami-[0-9a-f]+$/.test(name);
      const filter = byId ? { ImageIds: [name] } : { Filters: [{ Name: 'name', Values: [name] }] };
      const { Images = [] } = await this.#client.send(new DescribeImagesCommand(filter), { abortSignal: signal });
      const [newest] = Images.filter((i) => i.State === 'available' && i.ImageId !== undefined).toSorted((a, b) =>
        (b.CreationDate ?? '').localeCompare(a.CreationDate ?? ''),
      );
      if (newest?.ImageId === undefined) {
        throw new ProviderError('IMAGE_MISSING', `root_image: the cloud has no available image ${oneLine(name, 100)}; valid: image:AMI or image:NAME`, {
          fault: 'tenant',
        });
      }
      return { imageId: newest.ImageId, ...(newest.RootDeviceName !== undefined && { rootDevice: newest.RootDeviceName }) };
    });
  }

  /** Name of a key pair with this public key, imported when it is not there. */
  keyPair(publicKey: string, signal: AbortSignal): Promise<string> {
    const [type = '', key = ''] = publicKey.trim().split(/\s+/);
    const name = `vacua-${createHash('sha256').update(`${type} ${key}`).digest('hex').slice(0, 16)}`;
    return this.#keep(`key ${name}`, async () => {
      const { KeyPairs = [] } = await this.#client
        .send(new DescribeKeyPairsCommand({ Filters: [{ Name: 'key-name', Values: [name] }] }), { abortSignal: signal })
        .catch((error: unknown) => {
          if (codeOf(error) === 'InvalidKeyPair.NotFound') return { KeyPairs: [] };
          throw error;
        });
      if (KeyPairs.length > 0) return name;
      await this.#client
        .send(new ImportKeyPairCommand({ KeyName: name, PublicKeyMaterial: Buffer.from(`${type} ${key} vacua`) }), { abortSignal: signal })
        .catch((error: unknown) => {
          // Another manager was quicker.
          if (codeOf(error) !== 'InvalidKeyPair.Duplicate') throw error;
        });
      return name;
    });
  }

  /** What was remembered about the order may be the reason why it was refused. */
  forget(): void {
    this.#kept.clear();
  }

  #keep<T>(key: string, ask: () => Promise<T>): Promise<T> {
    const kept = this.#kept.get(key);
    if (kept && this.#now() < kept.until) return kept.value as Promise<T>;
    const value = ask();
    const entry = { value, until: this.#now() + keepSeconds * 1000 };
    this.#kept.set(key, entry);
    value.catch(() => {
      if (this.#kept.get(key) === entry) this.#kept.delete(key);
    });
    return value;
  }
}
