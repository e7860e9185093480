import { accessSync, constants, statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { FileConfigurationSource } from '../factory/config/source.ts';
import { ControlError } from '../factory/control/control-error.ts';
import { version } from '../factory/version.ts';
import type { HostFinding } from '../providers/qemu/doctor.ts';
import type { CliContext } from './context.ts';

/** One thing that was looked at. `required`: without it no machine can be made. */
export interface Finding extends HostFinding {
  readonly required: boolean;
}

const leastNode = 24;
/** Least room for one machine with its disk beyond the reserve of spec/factory.md §7 step 9. */
const leastFreeBytes = 2 * 1024 ** 3;

/** What this host, this user and this configuration lack for a factory, the provider's own needs apart. */
export async function ownFindings(context: CliContext): Promise<readonly Finding[]> {
  return [
    nodeFinding(process.versions.node),
    ...(await configurationFindings(context)),
    stateDirFinding(context.stateDir),
    await diskFinding(context.stateDir),
    await daemonFinding(context),
  ];
}

export function nodeFinding(node: string): Finding {
  const ok = Number(node.split('.')[0]) >= leastNode;
  return { name: 'node', required: true, ok, text: `version ${node}`, ...(ok ? {} : { remedy: `npm run setup brings Node ${leastNode}` }) };
}

async function configurationFindings(context: CliContext): Promise<readonly Finding[]> {
  const source = new FileConfigurationSource({ files: context.configFiles, offline: true, readOnly: true });
  await source.refresh(new AbortController().signal);
  const { configuration, problems } = source.current();
  await source.close();
  const errors = problems.filter((p) => p.severity === 'error');
  const name = hostNameFinding(hostname(), configuration?.settings.factoryName);
  if (configuration === undefined) {
    const text = errors[0] === undefined ? 'cannot be used' : `${errors[0].file}: ${errors[0].text}`;
    return [name, { name: 'configuration', required: true, ok: false, text, remedy: 'vacua check says all that is wrong; vacua init writes a new one' }];
  }
  const text = `${configuration.machinetypes.size} machinetypes and ${configuration.pipes.length} vacuum pipes, ${errors.length} errors`;
  return [name, { name: 'configuration', required: false, ok: errors.length === 0, text, ...(errors.length === 0 ? {} : { remedy: 'vacua check' }) }];
}

/** The names of machines and of the factory are made from it (spec/factory.md §3.1). */
export function hostNameFinding(host: string, factoryName: string | undefined): Finding {
  const name = factoryName ?? host;
  const ok = name.includes('.');
  const remedy = 'hostnamectl set-hostname NAME.DOMAIN, or set factory_name in [settings]';
  return { name: 'host name', required: true, ok, text: ok ? name : `"${name}" has no dot`, ...(ok ? {} : { remedy }) };
}

export function stateDirFinding(directory: string): Finding {
  const about = { name: 'state directory', required: true };
  const facts = statSync(directory, { throwIfNoEntry: false });
  const needed = facts === undefined ? nearestExisting(directory) : directory;
  if (facts?.isDirectory() === false) return { ...about, ok: false, text: `${directory} is not a directory`, remedy: 'name another with --state-dir' };
  if (facts !== undefined && (facts.mode & 0o022) !== 0) {
    return { ...about, ok: false, text: `others may write to ${directory}`, remedy: `chmod go-w ${directory}` };
  }
  try {
    accessSync(needed, constants.W_OK | constants.X_OK);
  } catch {
    return { ...about, ok: false, text: `this user cannot write to ${needed}`, remedy: `run as its owner, or name another directory with --state-dir` };
  }
  return { ...about, ok: true, text: facts === undefined ? `${directory} will be made` : directory };
}

async function diskFinding(directory: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(nearestExisting(directory));
  const free = bavail * bsize;
  const ok = free >= leastFreeBytes;
  const text = `${Math.floor(free / 1024 ** 2)} MiB free for ${directory}`;
  return {
    name: 'disk',
    required: true,
    ok,
    text,
    ...(ok ? {} : { remedy: `make room for at least ${leastFreeBytes / 1024 ** 2} MiB, or set state_dir to a larger file system` }),
  };
}

async function daemonFinding(context: CliContext): Promise<Finding> {
  const about = { name: 'factory', required: false };
  try {
    const status = await context.daemon().status();
    const same = status.version === version;
    const text = `${status.factory} runs as process ${status.pid}${same ? '' : `, version ${status.version}; this is ${version}`}`;
    return { ...about, ok: same, text, ...(same ? {} : { remedy: 'restart it; its machines run on' }) };
  } catch (error) {
    if (!(error instanceof ControlError)) throw error;
    return { ...about, ok: false, text: error.message, remedy: 'vacua factory starts one' };
  }
}

function nearestExisting(path: string): string {
  let at = path;
  while (statSync(at, { throwIfNoEntry: false }) === undefined && dirname(at) !== at) at = dirname(at);
  return at;
}
