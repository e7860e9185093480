import { readFileSync } from 'node:fs';
import { exampleMachine, exampleMachinetype, exampleSettings } from '../../src/core/guest/fixture.ts';
import { renderUserData, type Substitutions, substitutionsFor } from '../../src/core/guest/template.ts';

/** Agents with an example of user data, by the name of its directory. */
export const agents = ['buildkite', 'dirac', 'github-runner', 'gitlab-runner', 'htcondor', 'slurm'] as const;
export type Agent = (typeof agents)[number];

/** The example of user data for this agent, as it is in the repository. */
export const templateOf = (agent: Agent): string => readFileSync(new URL(`../../examples/user_data/${agent}/user_data`, import.meta.url), 'utf8');

/** What the factory would put in: the texts of `user_data_option_…`, contents of `user_data_file_…`, and its own values. */
export function substitutions(options: Readonly<Record<string, string>>, files: Readonly<Record<string, string>> = {}): Substitutions {
  return substitutionsFor({
    machine: exampleMachine,
    machinetype: { ...exampleMachinetype, userDataOptions: new Map(Object.entries(options)) },
    settings: exampleSettings,
    manager: 'Vacua 1.2.3',
    files: new Map(Object.entries(files).map(([name, text]) => [name, Buffer.from(text)])),
    proxy: '-----BEGIN CERTIFICATE-----\nproxy\n-----END CERTIFICATE-----\n',
    queueToken: 'header.claims.signature',
  });
}

/** The template of this agent, filled in by the factory's own rules. */
export const userDataOf = (agent: Agent, options: Readonly<Record<string, string>>, files: Readonly<Record<string, string>> = {}): string =>
  Buffer.from(renderUserData(templateOf(agent), substitutions(options, files))).toString('utf8');
