import type { Ad, Expression } from '../classad/classad.ts';
import type { Command } from '../jobs/job.ts';
import type { Instant, Seconds } from '../units.ts';

/** One thing wrong with a job description. Line and column count from 1; 0: in a JSON document, where only the attribute is known. */
export interface JdlProblem {
  readonly attribute: string | undefined;
  readonly line: number;
  readonly column: number;
  /** What is wrong, with the value. */
  readonly text: string;
  readonly valid: string | undefined;
}

/** `12:3: CpuNumber: 0 is too small; valid: 1 or more`, without the place where there is none. */
export function problemText({ attribute, line, column, text, valid }: JdlProblem): string {
  const place = line > 0 ? `${line}:${column}: ` : '';
  return `${place}${attribute === undefined ? '' : `${attribute}: `}${text}${valid === undefined ? '' : `; valid: ${valid}`}`;
}

/** A file for the job's directory. */
export interface InputFile {
  readonly name: string;
  /** A path where the job is submitted, or a URI with a scheme (`gsiftp`, `https`, `http`). `file://` has become a path. */
  readonly source: string;
  readonly kind: 'path' | 'uri';
}

export interface OutputFile {
  /** Name in the job's directory, or with `wildcard` a pattern with `*`, `?` and `[…]`. */
  readonly name: string;
  readonly wildcard: boolean;
  /** URI of the file; of a pattern that of the directory. */
  readonly destination: string;
}

/** A job description that is right in itself (spec/environments.md §2.2): types checked, defaults applied, nothing decided about where it runs. */
export interface JobDescription {
  /** All attributes as written; what matchmaking looks at. */
  readonly ad: Ad;
  /** Where the attributes are, by lower-case name; empty for a JSON document. */
  readonly places: ReadonlyMap<string, { readonly line: number; readonly column: number }>;
  readonly name?: string;
  readonly executable: string;
  readonly arguments: readonly string[];
  readonly stdInput?: string;
  readonly stdOutput?: string;
  readonly stdError?: string;
  readonly inputs: readonly InputFile[];
  readonly outputs: readonly OutputFile[];
  readonly environment: Readonly<Record<string, string>>;
  readonly prologue?: Command;
  readonly epilogue?: Command;
  readonly cpuNumber: number;
  readonly wholeNodes: boolean;
  readonly hostNumber?: number;
  readonly gpuNumber?: number;
  /** `Requirements` as written. */
  readonly requirements?: Expression;
  /** The expression that the string `CERequirements` holds. */
  readonly ceRequirements?: Expression;
  readonly retryCount: number;
  readonly expiryTime?: Instant;
  readonly virtualOrganisation?: string;
  /** Bytes. */
  readonly maxOutputSandboxSize?: number;
  readonly virtualEnvironments: readonly string[];
  readonly maxWallTime?: Seconds;
  readonly memoryMb?: number;
  readonly diskMb?: number;
  readonly priority: number;
  readonly rerunnable: boolean;
}

export type JdlResult =
  | { readonly description: JobDescription; readonly problems?: undefined }
  | { readonly description?: undefined; readonly problems: readonly JdlProblem[] };
