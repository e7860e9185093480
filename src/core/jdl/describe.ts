import type { Ad } from '../classad/classad.ts';
import type { Command } from '../jobs/job.ts';
import { instant, seconds } from '../units.ts';
import type { InputFile, JdlResult } from './description.ts';
import { readInputs, readOutputs, readProgram, readStream } from './files.ts';
import { AttributeReader } from './reader.ts';
import { readExpression, readQuotedExpression } from './requirements.ts';
import { callsIn } from './walk.ts';
import { splitWords } from './words.ts';

type PlaceOf = (at: number) => { readonly line: number; readonly column: number };

/** All attributes of spec/environments.md §2.2 and ours (docs/jdl.md), each checked; every problem is told, not the first alone. */
export function describe(ad: Ad, placeOf: PlaceOf): JdlResult {
  const reader = new AttributeReader(ad, placeOf);
  onlyOf('Type', 'Job', reader);
  onlyOf('JobType', 'Normal', reader);
  timeless(reader);
  const inputs = readInputs(reader);
  const outputs = readOutputs(reader);
  const executable = readProgram('Executable', inputs, reader);
  if (!reader.has('Executable')) reader.problem('Executable', 'is missing', 'Executable = "/path/of/program"; or the name of a file in InputSandbox', 0);
  const description = {
    ad,
    places: new Map([...ad].map(([key, a]) => [key, placeOf(a.at)])),
    ...given('name', readName(reader)),
    arguments: words('Arguments', reader),
    ...given('stdInput', readProgram('StdInput', inputs, reader)),
    ...given('stdOutput', readStream('StdOutput', reader)),
    ...given('stdError', readStream('StdError', reader)),
    inputs,
    outputs,
    environment: readEnvironment(reader),
    ...given('prologue', readCommand('Prologue', inputs, reader)),
    ...given('epilogue', readCommand('Epilogue', inputs, reader)),
    ...readNodes(reader),
    ...given('requirements', readExpression('Requirements', reader)),
    ...given('ceRequirements', readQuotedExpression('CERequirements', reader)),
    retryCount: reader.integer('RetryCount', 0, 100) ?? 3,
    ...given('expiryTime', reader.integer('ExpiryTime', 0, 253_402_300_799), (s) => instant(s * 1000)),
    ...given('virtualOrganisation', reader.text('VirtualOrganisation')?.text),
    ...given('maxOutputSandboxSize', reader.amount('MaxOutputSandboxSize'), Math.floor),
    virtualEnvironments: readVirtualEnvironments(reader),
    ...given('maxWallTime', reader.integer('MaxWallTime', 1), seconds),
    ...given('memoryMb', reader.integer('MemoryMb', 1)),
    ...given('diskMb', reader.integer('DiskMb', 1)),
    priority: reader.integer('Priority', -1000, 1000) ?? 0,
    rerunnable: reader.boolean('Rerunnable') ?? true,
  };
  checkTheRest(reader);
  const { problems } = reader;
  if (problems.length > 0 || executable === undefined) return { problems: problems.toSorted((a, b) => a.line - b.line || a.column - b.column) };
  return { description: { ...description, executable } };
}

/** An optional field of the result: nothing where the value is undefined. */
function given<K extends string, T, U = T>(key: K, value: T | undefined, as?: (value: T) => U): { readonly [P in K]?: U } {
  return (value === undefined ? {} : { [key]: as === undefined ? value : as(value) }) as { readonly [P in K]?: U };
}

function onlyOf(attribute: string, only: string, reader: AttributeReader): void {
  const value = reader.text(attribute);
  if (value !== undefined && value.text.toLowerCase() !== only.toLowerCase()) {
    reader.problem(
      attribute,
      `${JSON.stringify(value.text.slice(0, 80))} is not possible here`,
      `"${only}"; many jobs are submitted as many descriptions`,
      value.at,
    );
  }
}

/** A description means the same whenever it is read: only conditions may ask for the time. */
function timeless(reader: AttributeReader): void {
  for (const [key, { name, value }] of reader.ad) {
    if (key === 'requirements' || key === 'rank') continue;
    const call = callsIn(value).find((c) => c.key === 'time');
    if (call !== undefined)
      reader.problem(name, 'time() is not known when the description is read', 'a number; time() in Requirements and Rank alone', call.at);
  }
}

function readName(reader: AttributeReader): string | undefined {
  const name = reader.text('JobName');
  if (name === undefined || (/^[^\p{Cc}]+$/u.test(name.text) && name.text.length <= 128)) return name?.text;
  reader.problem('JobName', 'it is empty, longer than 128 characters or has a control character', 'one line of text', name.at);
  return undefined;
}

function words(attribute: string, reader: AttributeReader): readonly string[] {
  const line = reader.text(attribute);
  if (line === undefined) return [];
  const split = splitWords(line.text);
  if ('words' in split) return split.words;
  reader.problem(attribute, split.problem, split.valid, line.at);
  return [];
}

function readCommand(attribute: 'Prologue' | 'Epilogue', inputs: readonly InputFile[], reader: AttributeReader): Command | undefined {
  const executable = readProgram(attribute, inputs, reader);
  const args = words(`${attribute}Arguments`, reader);
  if (!reader.has(attribute) && reader.has(`${attribute}Arguments`))
    reader.problem(`${attribute}Arguments`, `there is no ${attribute}`, `${attribute} with it`);
  return executable === undefined ? undefined : { executable, arguments: args };
}

function readEnvironment(reader: AttributeReader): Readonly<Record<string, string>> {
  const variables = new Map<string, string>();
  for (const { text, at } of reader.texts('Environment', true) ?? []) {
    const [, name, value] = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(text) ?? [];
    if (name === undefined || value === undefined) reader.problem('Environment', `${JSON.stringify(text.slice(0, 80))} sets nothing`, '"NAME=value"', at);
    else if (variables.has(name)) reader.problem('Environment', `${name} is set twice`, 'each variable once', at);
    else variables.set(name, value);
  }
  return Object.fromEntries(variables);
}

function readNodes(reader: AttributeReader) {
  const cpu = reader.integer('CpuNumber', 1);
  const old = reader.integer('NodeNumber', 1);
  if (cpu !== undefined && old !== undefined && cpu !== old)
    reader.problem('NodeNumber', `${old} differs from CpuNumber = ${cpu}`, 'CpuNumber alone; NodeNumber is its old name');
  const cpuNumber = cpu ?? old ?? 1;
  const hostNumber = reader.integer('HostNumber', 1);
  const granularity = reader.integer('SMPGranularity', 1);
  const wholeNodes = reader.boolean('WholeNodes') ?? false;
  if (hostNumber !== undefined && hostNumber > cpuNumber)
    reader.problem('HostNumber', `${hostNumber} is more than CpuNumber = ${cpuNumber}`, 'up to CpuNumber');
  if (hostNumber !== undefined && granularity !== undefined && !wholeNodes) {
    reader.problem('HostNumber', 'SMPGranularity is given too', 'one of the two, or WholeNodes = true');
  }
  return { cpuNumber, wholeNodes, ...given('hostNumber', hostNumber), ...given('gpuNumber', reader.integer('GPUNumber', 0)) };
}

function readVirtualEnvironments(reader: AttributeReader): readonly string[] {
  const names = new Set<string>();
  for (const { text, at } of reader.texts('VirtualEnvironment') ?? []) {
    if (/^[!-~]{1,256}$/.test(text)) names.add(text);
    else
      reader.problem('VirtualEnvironment', `${JSON.stringify(text.slice(0, 80))} is no name or tag`, 'up to 256 printable ASCII characters without blanks', at);
  }
  return [...names];
}

/** Attributes that change nothing here are checked for their types all the same. */
function checkTheRest(reader: AttributeReader): void {
  readExpression('Rank', reader);
  reader.boolean('FuzzyRank');
  reader.integer('ShallowRetryCount', 0);
  for (const name of ['GPUModel', 'QueueName', 'BatchSystem', 'MyProxyServer']) reader.text(name);
}
