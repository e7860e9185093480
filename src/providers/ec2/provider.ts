import { setTimeout as pauseFor } from 'node:timers/promises';
import {
  type EC2Client,
  GetConsoleOutputCommand,
  type Instance,
  RunInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import type { Ec2Api } from '../../core/cloud/settings.ts';
import type { Machinetype } from '../../core/machinetype.ts';
import type { Sighting } from '../../core/observed.ts';
import type { Instant, MachineId } from '../../core/units.ts';
import type { Capabilities, Finding, MachineOrder, Provider, ProviderList } from '../contract.ts';
import { makeClient, type ReadSecret } from './client.ts';
import { codeOf, faultOf } from './faults.ts';
import { describeAll, machineOf, processorsOf, sightingOf } from './instances.ts';
import { checkedRemote, runRequest } from './order.ts';
import { Resources } from './resources.ts';
import { verify } from './verify.ts';

export interface Ec2ProviderOptions {
  readonly api: Ec2Api;
  readonly space: string;
  readonly manager: string;
  readonly flavorNames: readonly string[];
  readonly readSecret: ReadSecret;
  readonly now: () => Instant;
  /** Between two looks at an instance that is being removed. */
  readonly pollMilliseconds?: number;
}

const consoleSeconds = 20;

/** Machines at EC2 or a compatible cloud (spec/cloud.md §7.3 and its project rules). Identity is in tags, set by the request that makes the machine. */
export class Ec2Provider implements Provider {
  readonly kind = 'ec2';
  readonly can: Capabilities = { console: true, models: ['cernvm3', 'cernvm4', 'vm-raw', 'kernel'], remote: true };
  readonly #options: Ec2ProviderOptions;
  readonly #client: EC2Client;
  readonly #resources: Resources;
  /** Instances of our machines as last seen or made. */
  readonly #instances = new Map<MachineId, string>();
  /** EC2 shows a terminated instance for an hour; these we have removed ourselves. */
  readonly #removed = new Set<string>();

  constructor(options: Ec2ProviderOptions) {
    this.#options = options;
    this.#client = makeClient(options.api, options.readSecret);
    this.#resources = new Resources(this.#client, options.now);
  }

  async open(signal: AbortSignal): Promise<{ readonly notes: readonly string[] }> {
    const { flavorNames, api } = this.#options;
    await this.#said('DescribeInstanceTypes', this.#resources.flavors(flavorNames, signal));
    return { notes: api.spot ? ['spot instances: the cloud may end machines at any time'] : [] };
  }

  async list(signal: AbortSignal): Promise<ProviderList> {
    const [instances, flavors] = await this.#said(
      'DescribeInstances',
      Promise.all([describeAll(this.#client, [], signal), this.#resources.flavors(this.#options.flavorNames, signal)]),
    );
    const processors = new Map(flavors.map((f) => [f.name, f.processors]));
    const sightings: Sighting[] = [];
    const [own, used] = [new Map<MachineId, string>(), { processors: 0, machines: 0 }];
    let foreignProcessors = 0;
    for (const instance of instances) {
      const size = processorsOf(instance, processors);
      if (!['terminated', 'stopped'].includes(instance.State?.Name ?? '')) used.machines++;
      used.processors += size;
      const id = machineOf(this.#options.space, instance);
      if (id === undefined) {
        foreignProcessors += size;
        continue;
      }
      const seen = this.#removed.has(instance.InstanceId ?? '') && instance.State?.Name === 'terminated' ? undefined : sightingOf(id, instance);
      // Two of one id: the oldest is the one that counts; the other goes.
      if (seen === undefined) continue;
      if (own.has(id)) await this.#terminate(instance.InstanceId ?? '', signal).catch(() => undefined);
      else {
        own.set(id, instance.InstanceId ?? '');
        sightings.push(seen);
      }
    }
    this.#instances.clear();
    for (const [id, instance] of own) this.#instances.set(id, instance);
    return { complete: true, sightings, foreignProcessors, offer: { quota: {}, used, flavors } };
  }

  async create(order: MachineOrder, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const remote = checkedRemote(order);
    const { api, space, manager } = this.#options;
    await this.#said(
      'RunInstances',
      (async () => {
        // A token is remembered by EC2 for a while only, and a machine that has ended must not be made again.
        if ((await this.#find(order.id, signal)) !== undefined) return;
        const name = remote.image.kind === 'named' ? remote.image.name : '';
        const image = await this.#resources.image(name, signal);
        const keyName = remote.rootPublicKey === undefined ? undefined : await this.#resources.keyPair(remote.rootPublicKey, signal);
        const request = runRequest(order, { ...image, ...(keyName !== undefined && { keyName }) }, { api, space, manager });
        try {
          const { Instances = [] } = await this.#client.send(new RunInstancesCommand(request), { abortSignal: signal });
          const made = Instances[0]?.InstanceId;
          if (made !== undefined) this.#instances.set(order.id, made);
        } catch (error) {
          // The same machine with other words: it has been accepted already.
          if (codeOf(error) !== 'IdempotentParameterMismatch') this.#resources.forget();
          else if ((await this.#find(order.id, signal)) !== undefined) return;
          throw error;
        }
      })(),
    );
  }

  async shutdown(id: MachineId, signal: AbortSignal): Promise<void> {
    const instance = await this.#said('DescribeInstances', this.#find(id, signal));
    if (instance?.InstanceId === undefined || instance.State?.Name !== 'running') return;
    const asked = this.#client.send(new StopInstancesCommand({ InstanceIds: [instance.InstanceId] }), { abortSignal: signal });
    await asked.catch((error: unknown) => {
      // A one-time spot instance cannot be stopped, only removed; and what has just ended need not be.
      if (['UnsupportedOperation', 'IncorrectInstanceState', 'InvalidInstanceID.NotFound'].includes(codeOf(error))) return;
      throw faultOf('StopInstances', error);
    });
  }

  async destroy(id: MachineId, signal: AbortSignal): Promise<void> {
    await this.#said(
      'TerminateInstances',
      (async () => {
        for (;;) {
          const there = await this.#findAll(id, signal);
          const left = there.filter((i) => i.State?.Name !== 'terminated');
          for (const { InstanceId = '' } of there) this.#removed.add(InstanceId);
          if (left.length === 0) break;
          for (const { InstanceId = '', State } of left) if (State?.Name !== 'shutting-down') await this.#terminate(InstanceId, signal);
          await pauseFor(this.#options.pollMilliseconds ?? 1000, undefined, { signal });
        }
        this.#instances.delete(id);
      })(),
    );
  }

  async console(id: MachineId): Promise<Uint8Array> {
    const signal = AbortSignal.timeout(consoleSeconds * 1000);
    const instance = this.#instances.get(id) ?? (await this.#said('DescribeInstances', this.#find(id, signal)))?.InstanceId;
    if (instance === undefined) return new Uint8Array();
    const { Output = '' } = await this.#said(
      'GetConsoleOutput',
      this.#client.send(new GetConsoleOutputCommand({ InstanceId: instance }), { abortSignal: signal }),
    );
    return Buffer.from(Output, 'base64');
  }

  verify(machinetypes: readonly Machinetype[], signal: AbortSignal): AsyncIterable<Finding> {
    return verify({ client: this.#client, resources: this.#resources, api: this.#options.api, flavorNames: this.#options.flavorNames }, machinetypes, signal);
  }

  async close(): Promise<void> {
    this.#client.destroy();
  }

  async #terminate(instance: string, signal: AbortSignal): Promise<void> {
    this.#removed.add(instance);
    await this.#client.send(new TerminateInstancesCommand({ InstanceIds: [instance] }), { abortSignal: signal }).catch((error: unknown) => {
      if (codeOf(error) !== 'InvalidInstanceID.NotFound') throw error;
    });
  }

  /** Also one that has ended, as long as EC2 remembers it. */
  async #find(id: MachineId, signal: AbortSignal): Promise<Instance | undefined> {
    return (await this.#findAll(id, signal))[0];
  }

  async #findAll(id: MachineId, signal: AbortSignal): Promise<readonly Instance[]> {
    const found = await describeAll(this.#client, [{ Name: 'tag:vacua_id', Values: [id] }], signal);
    return found.filter((instance) => machineOf(this.#options.space, instance) === id);
  }

  /** Whatever goes wrong becomes a typed fault. */
  async #said<T>(what: string, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      throw faultOf(what, error);
    }
  }
}
