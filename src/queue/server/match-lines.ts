import type { z } from 'zod';
import type { Candidate } from '../../core/environment/choose.ts';
import type { MatchAnswer } from './site-schema.ts';

/** Environments that could run a job first, each in the order of preference, with the first thing against the others. */
export const matchLines = (candidates: readonly Candidate[]): z.output<typeof MatchAnswer> => ({
  matches: candidates
    .toSorted((a, b) => Number(a.why !== undefined) - Number(b.why !== undefined))
    .map(({ environment, why, full }) => ({ environment: environment.name, matches: why === undefined, ...(why !== undefined && { why }), full })),
});
