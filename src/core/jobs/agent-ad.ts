import { type Ad, adOf, type Expression, failedTerm, ParseError, type PlainAd, parseExpression, printValue } from '../classad/classad.ts';
import type { Meets } from './classes.ts';
import type { AgentFacts } from './job.ts';

/**
 * A machine as jobs see it (`other`): what its agent and its token say, in the names of GLUE 1 (spec/environments.md §4.1) and, where there is none, of our
 * own. docs/queue-store.md lists them.
 */
export const agentAd = (agent: AgentFacts): PlainAd => ({
  GlueHostApplicationSoftwareRunTimeEnvironment: agent.environments,
  GlueHostMainMemoryRAMSize: agent.memoryMb,
  GlueHostArchitectureSMPSize: agent.processors,
  GlueCEInfoHostName: agent.site,
  GlueCEStateStatus: 'Production',
  GlueCEPolicyMaxWallClockTime: Math.floor(agent.timeLeft / 60),
  CpuNumber: agent.processors,
  MemoryMb: agent.memoryMb,
  ...(agent.diskMb === undefined ? {} : { DiskMb: agent.diskMb }),
  MachineType: agent.machinetype,
  Machine: agent.machine,
  Site: agent.site,
  VirtualOrganisation: agent.tenant,
  TimeLeft: Math.floor(agent.timeLeft),
});

/** Attributes of a machine's ad that differ between machines of a kind or from one call to the next. An expression that names one, or the time, is never remembered. */
export const changesByCall = /\b(timeleft|gluecepolicymaxwallclocktime|machine)\b|\btime\s*\(/iu;

const mostExpressions = 10_000;

/**
 * Evaluates requirements with ClassAds. `my` holds what the requirement class knows of its jobs: CpuNumber, MemoryMb, MaxWallTime, VirtualOrganisation.
 * `more`: further attributes of the machine's ad, such as those that its environment publishes; the agent's own come first. Expressions are parsed once.
 */
export function classadMeets(more: (agent: AgentFacts) => PlainAd = () => ({})): Meets {
  const parsed = new Map<string, Expression | ParseError>();
  const expressionOf = (text: string): Expression | ParseError => {
    const known = parsed.get(text);
    if (known !== undefined) return known;
    if (parsed.size >= mostExpressions) parsed.clear();
    const expression = parseExpression(text);
    parsed.set(text, expression);
    return expression;
  };
  return (requirements, agent, { tenant, requires, now }) => {
    const expression = expressionOf(requirements);
    if (expression instanceof ParseError) return `requirements cannot be read: ${String(expression)}`;
    const my: Ad = adOf({ CpuNumber: requires.processors, MemoryMb: requires.memoryMb, MaxWallTime: requires.wall, VirtualOrganisation: tenant });
    const failed = failedTerm(expression, { my, other: adOf({ ...more(agent), ...agentAd(agent) }), now });
    return failed === undefined ? true : `${failed.text} is ${printValue(failed.value)}`;
  };
}
