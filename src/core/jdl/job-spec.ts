import { type Expression, type Ad, conjunction, conjuncts, parseExpression, printExpression } from '../classad/classad.ts';
import type { JobSpec } from '../jobs/job.ts';
import type { Seconds } from '../units.ts';
import type { JdlProblem, JobDescription } from './description.ts';
import { NotSelfContained, selfContained, unfit } from './requirements.ts';

export interface SpecOptions {
  /** Subject of the user's token. */
  readonly owner: string;
  readonly tenant: string;
  /** For what the description leaves out; memory in MiB. */
  readonly defaults: { readonly memoryMb: number; readonly wall: Seconds };
}

export type SpecResult =
  /** `ignored`: attributes that are given and change nothing, so that the user can be told. */
  | { readonly spec: JobSpec; readonly ignored: readonly string[]; readonly problems?: undefined }
  /** The description is right, but asks for what this queue does not do. */
  | { readonly spec?: undefined; readonly ignored?: undefined; readonly problems: readonly JdlProblem[] };

const effective: ReadonlySet<string> = new Set(
  `Type JobType JobName Executable Arguments StdInput StdOutput StdError InputSandbox InputSandboxBaseURI OutputSandbox OutputSandboxDestURI
  OutputSandboxBaseDestURI Environment Prologue PrologueArguments Epilogue EpilogueArguments CpuNumber NodeNumber WholeNodes HostNumber SMPGranularity
  GPUNumber CERequirements Requirements RetryCount ExpiryTime MaxOutputSandboxSize VirtualEnvironment VirtualOrganisation MaxWallTime MemoryMb DiskMb Priority Rerunnable`
    .toLowerCase()
    .split(/\s+/),
);

/** The job that a description asks for, owned by somebody. What this queue cannot do is a problem and never silently left out. */
export function toJobSpec(d: JobDescription, { owner, tenant, defaults }: SpecOptions): SpecResult {
  const problems: JdlProblem[] = [];
  const problem = (attribute: string, text: string, valid?: string): void => {
    const place = d.places.get(attribute.toLowerCase()) ?? { line: 0, column: 0 };
    problems.push({ attribute, ...place, text, valid });
  };
  notDone(d, problem);
  const requirements = requirementsOf(d, problem);
  if (problems.length > 0) return { problems };
  const spec: JobSpec = {
    tenant,
    owner,
    ...(d.name !== undefined && { name: d.name }),
    executable: d.executable,
    arguments: d.arguments,
    environment: d.environment,
    ...(d.stdInput !== undefined && { stdin: d.stdInput }),
    ...(d.stdOutput !== undefined && { stdout: d.stdOutput }),
    ...(d.stdError !== undefined && { stderr: d.stdError }),
    ...(d.prologue !== undefined && { prologue: d.prologue }),
    ...(d.epilogue !== undefined && { epilogue: d.epilogue }),
    inputs: d.inputs.map((input) => input.name),
    outputs: d.outputs.map((output) => output.name),
    ...(d.maxOutputSandboxSize !== undefined && { maxOutputBytes: d.maxOutputSandboxSize }),
    processors: d.cpuNumber,
    memoryMb: d.memoryMb ?? defaults.memoryMb,
    wall: d.maxWallTime ?? defaults.wall,
    priority: d.priority,
    retries: d.retryCount,
    rerunnable: d.rerunnable,
    ...(requirements !== undefined && { requirements }),
    environments: d.virtualEnvironments,
    ...(d.expiryTime !== undefined && { expiresAt: d.expiryTime }),
  };
  return { spec, ignored: [...d.ad].filter(([key]) => !effective.has(key)).map(([, a]) => a.name) };
}

function notDone(d: JobDescription, problem: (attribute: string, text: string, valid?: string) => void): void {
  const wildcard = d.outputs.find((output) => output.wildcard);
  if (wildcard !== undefined) problem('OutputSandbox', `${wildcard.name}: wildcards are not done by this queue`, 'the names of the files');
  const away = d.outputs.find((output) => !/^gsiftp:\/\/localhost(:\d+)?(\/|$)/i.test(output.destination));
  if (away !== undefined) {
    const attribute = d.ad.has('outputsandboxdesturi') ? 'OutputSandboxDestURI' : 'OutputSandboxBaseDestURI';
    problem(attribute, `${away.destination}: this queue sends outputs nowhere`, '"gsiftp://localhost": they are kept until they are fetched');
  }
  if ((d.hostNumber ?? 1) > 1) problem('HostNumber', `${d.hostNumber}: a job runs on one machine`, '1');
  if ((d.gpuNumber ?? 0) > 0)
    problem(
      'GPUNumber',
      `${d.gpuNumber}: no machine of this queue tells of GPUs`,
      '0; a tag in Requirements or VirtualEnvironment for machines that have them',
    );
  if (d.ad.has('outputdata')) problem('OutputData', 'nothing is copied to storage elements by this queue', 'OutputSandbox');
}

/** `Requirements`, `CERequirements` and `DiskMb` as one expression that needs no job ad; undefined: anything will do. */
function requirementsOf(d: JobDescription, problem: (attribute: string, text: string, valid?: string) => void): string | undefined {
  const terms: Expression[] = [];
  for (const [attribute, expression] of [['Requirements', d.requirements] as const, ['CERequirements', d.ceRequirements] as const]) {
    if (expression === undefined) continue;
    const alone = standAlone(expression, d.ad);
    if (typeof alone === 'string') problem(attribute, alone);
    else terms.push(...conjuncts(alone));
  }
  if (d.diskMb !== undefined) terms.push(parseExpression(`other.DiskMb >= ${d.diskMb}`) as Expression);
  const all = conjunction(terms.filter((term) => !(term.kind === 'literal' && term.value === true)));
  if (all.kind === 'literal' && all.value === true) return undefined;
  const text = printExpression(all);
  const reason = unfit(text);
  if (reason !== undefined) problem('Requirements', reason);
  return text;
}

function standAlone(expression: Expression, ad: Ad): Expression | string {
  try {
    return selfContained(expression, ad);
  } catch (thrown) {
    if (thrown instanceof NotSelfContained) return thrown.message;
    throw thrown;
  }
}
