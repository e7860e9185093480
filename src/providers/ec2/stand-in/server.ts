import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { XMLBuilder } from 'fast-xml-parser';
import { flavors, images, StandInCloud, type StandInstance } from './cloud.ts';
import { apiVersion, type Fault, parameterFault } from './parameters.ts';
import { type Account, signatureFault } from './signature.ts';

/** Instead of an answer: a code of EC2, or raw bytes of whoever is on the way. */
export type Trouble =
  | { readonly code: string; readonly status?: number }
  | { readonly raw: string; readonly status: number; readonly type: string; readonly cut?: true };

const xml = new XMLBuilder({ ignoreAttributes: false });
const items = (all: readonly object[]): object => (all.length === 0 ? {} : { item: all });

/**
 * An EC2 of one region for tests: it verifies signatures, version and parameters, keeps instances, tokens and tags, and pages its lists.
 * There is no real one to be had: Debian 12 has no `ec2-api`, and the well-known simulators come neither from Debian nor as npm packages.
 */
export class StandIn {
  readonly cloud = new StandInCloud();
  readonly account: Account;
  /** Actions asked for, in order. */
  readonly asked: string[] = [];
  /** Asked before each answer; what it returns is answered instead. */
  trouble: (action: string, form: URLSearchParams) => Trouble | undefined = () => undefined;
  /** Of the server's clock against ours. */
  clockAheadSeconds = 0;
  readonly #server: Server;

  constructor(account: Partial<Account> = {}) {
    this.account = { accessKey: 'AKIDEXAMPLE', secretKey: 'wJalrXUtnFEMI', region: 'us-east-1', service: 'ec2', ...account };
    this.#server = createServer((req, res) => void this.#serve(req, res));
  }

  async open(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    let body = '';
    for await (const chunk of req) body += String(chunk);
    const form = new URLSearchParams(body);
    const action = form.get('Action') ?? '';
    this.asked.push(action);
    const now = Date.now() + this.clockAheadSeconds * 1000;
    res.setHeader('date', new Date(now).toUTCString());
    const wrong = signatureFault(req.method ?? '', req.url ?? '', req.headers, body, this.account, now);
    if (wrong !== undefined)
      return this.#refuse(
        res,
        { code: wrong, message: 'AWS was not able to validate the provided access credentials' },
        wrong === 'RequestExpired' ? 400 : 401,
      );
    const trouble = this.trouble(action, form);
    if (trouble && 'raw' in trouble) {
      res.writeHead(trouble.status, { 'content-type': trouble.type, ...(trouble.cut && { 'content-length': String(trouble.raw.length + 1000) }) });
      res.write(trouble.raw);
      return trouble.cut ? void res.destroy() : void res.end();
    }
    if (trouble) return this.#refuse(res, { code: trouble.code, message: `because of ${trouble.code}` }, trouble.status ?? 400);
    const fault = parameterFault(form);
    if (fault) return this.#refuse(res, fault);
    const answer = this.#act(action, form);
    if ('code' in answer) return this.#refuse(res, answer as unknown as Fault);
    const text = xml.build({ [`${action}Response`]: { '@_xmlns': `http://ec2.amazonaws.com/doc/${apiVersion}/`, requestId: randomUUID(), ...answer } });
    res.writeHead(200, { 'content-type': 'text/xml;charset=UTF-8' }).end(`<?xml version="1.0" encoding="UTF-8"?>\n${text}`);
  }

  #refuse(res: ServerResponse, { code, message }: Fault, status = 400): void {
    const text = xml.build({ Response: { Errors: { Error: { Code: code, Message: message } }, RequestID: randomUUID() } });
    res.writeHead(status, { 'content-type': 'text/xml;charset=UTF-8' }).end(`<?xml version="1.0" encoding="UTF-8"?>\n${text}`);
  }

  #act(action: string, form: URLSearchParams): object {
    const { cloud } = this;
    const ids = (name: string): string[] => [...form].filter(([n]) => n.startsWith(`${name}.`)).map(([, value]) => value);
    const firstFault = (faults: readonly (Fault | undefined)[]): object => faults.find((f) => f !== undefined) ?? { instancesSet: {} };
    switch (action) {
      case 'RunInstances': {
        const made = cloud.run(form);
        return 'code' in made ? made : { reservationId: 'r-1', instancesSet: items([shown(made)]) };
      }
      case 'DescribeInstances':
        return this.#describe(form);
      case 'StopInstances':
        return firstFault(ids('InstanceId').map((id) => cloud.stop(id)));
      case 'TerminateInstances':
        return firstFault(ids('InstanceId').map((id) => cloud.terminate(id)));
      case 'GetConsoleOutput': {
        const instance = cloud.instances.get(form.get('InstanceId') ?? '');
        if (!instance) return { code: 'InvalidInstanceID.NotFound', message: 'no such instance' };
        return { instanceId: instance.id, timestamp: new Date().toISOString(), output: Buffer.from(`boot of ${instance.id}\n`).toString('base64') };
      }
      case 'DescribeInstanceTypes': {
        const wanted = ids('InstanceType');
        const unknown = wanted.find((w) => !flavors.some((f) => f.name === w));
        if (unknown) return { code: 'InvalidInstanceType', message: `The following supplied instance types do not exist: [${unknown}]` };
        const found = flavors.filter((f) => wanted.length === 0 || wanted.includes(f.name));
        return {
          instanceTypeSet: items(found.map((f) => ({ instanceType: f.name, vCpuInfo: { defaultVCpus: f.processors }, memoryInfo: { sizeInMiB: f.memoryMb } }))),
        };
      }
      case 'DescribeImages': {
        const id = form.get('ImageId.1');
        const name = form.get('Filter.1.Value.1');
        const found = images.filter((i) => (id === null ? i.name === name : i.id === id));
        if (id !== null && found.length === 0) return { code: 'InvalidAMIID.NotFound', message: `The image id '[${id}]' does not exist` };
        return {
          imagesSet: items(
            found.map((i) => ({ imageId: i.id, name: i.name, imageState: 'available', rootDeviceName: '/dev/xvda', creationDate: '2026-01-01T00:00:00.000Z' })),
          ),
        };
      }
      case 'DescribeKeyPairs':
        return { keySet: items([...cloud.keyPairs.keys()].filter((k) => k === form.get('Filter.1.Value.1')).map((keyName) => ({ keyName }))) };
      case 'ImportKeyPair': {
        const name = form.get('KeyName') ?? '';
        if (cloud.keyPairs.has(name)) return { code: 'InvalidKeyPair.Duplicate', message: `The keypair '${name}' already exists.` };
        cloud.keyPairs.set(name, Buffer.from(form.get('PublicKeyMaterial') ?? '', 'base64').toString());
        return { keyName: name };
      }
      case 'DescribeSubnets':
        return cloud.subnets.has(form.get('SubnetId.1') ?? '')
          ? { subnetSet: items([{ subnetId: form.get('SubnetId.1'), availableIpAddressCount: 250 }]) }
          : { code: 'InvalidSubnetID.NotFound', message: 'The subnet ID does not exist' };
      case 'DescribeSecurityGroups': {
        const group = form.get('GroupId.1') ?? form.get('GroupName.1') ?? '';
        const found = [...cloud.groups].filter((g) => g.includes(group));
        return found.length > 0
          ? { securityGroupInfo: items(found.map(([groupId, groupName]) => ({ groupId, groupName }))) }
          : { code: 'InvalidGroup.NotFound', message: `The security group '${group}' does not exist` };
      }
      default: {
        const template = form.get('LaunchTemplateId.1') ?? form.get('LaunchTemplateName.1') ?? '';
        const found = [...cloud.templates].filter((t) => t.includes(template));
        if (found.length === 0)
          return {
            code: 'InvalidLaunchTemplateName.NotFoundException',
            message: 'At least one of the launch templates specified in the request does not exist.',
          };
        return {
          launchTemplates: items(found.map(([launchTemplateId, launchTemplateName]) => ({ launchTemplateId, launchTemplateName, defaultVersionNumber: 1 }))),
        };
      }
    }
  }

  #describe(form: URLSearchParams): object {
    const [name, value] = [form.get('Filter.1.Name'), form.get('Filter.1.Value.1')];
    const all = [...this.cloud.instances.values()].filter((i) => name === null || (name.startsWith('tag:') && i.tags.get(name.slice(4)) === value));
    const from = Number(form.get('NextToken') ?? 0);
    const size = Math.min(this.cloud.pageSize, Number(form.get('MaxResults') ?? 1000));
    const page = all.slice(from, from + size).map(shown);
    const more = from + size < all.length;
    // As time passes between two requests, what is under way goes on.
    if (!more) this.cloud.settle();
    return {
      reservationSet: items(page.map((instance) => ({ reservationId: 'r-1', ownerId: '1', instancesSet: items([instance]) }))),
      ...(more && { nextToken: String(from + size) }),
    };
  }
}

const codes = { pending: 0, running: 16, 'shutting-down': 32, terminated: 48, stopping: 64, stopped: 80 };

const shown = (i: StandInstance): object => ({
  instanceId: i.id,
  instanceState: { code: codes[i.state], name: i.state },
  ...(i.reason && { stateReason: i.reason }),
  instanceType: i.type,
  launchTime: i.launchedAt.toISOString(),
  privateIpAddress: '10.0.0.7',
  placement: { availabilityZone: 'us-east-1a' },
  tagSet: items([...i.tags].map(([key, value]) => ({ key, value }))),
});
