/**
 * The work of the demonstration: π by Monte Carlo integration with a seed. Guests compute it in busybox awk, the queue in
 * TypeScript; both stay within integers that a double holds exactly, so that a right answer is equal to the last digit.
 */
export interface JobSpec {
  /** 1 to modulus - 1. */
  readonly seed: number;
  readonly points: number;
}

export interface JobResult {
  /** Points inside the quarter circle. */
  readonly hits: number;
  /** State of the generator at the end: wrong if a single step was left out. */
  readonly state: number;
}

/** Lehmer's generator with Park and Miller's multiplier; products stay below 2^46. */
const modulus = 2_147_483_647;
const multiplier = 16_807;
/** Coordinates are the upper 15 bits of a state. */
const drop = 65_536;
const radius2 = 32_768 ** 2;

/** The right result. Takes about 0.1 µs per point. */
export function integrate({ seed, points }: JobSpec): JobResult {
  let state = seed;
  let hits = 0;
  for (let i = 0; i < points; i++) {
    state = (state * multiplier) % modulus;
    const x = Math.floor(state / drop);
    state = (state * multiplier) % modulus;
    const y = Math.floor(state / drop);
    if (x * x + y * y < radius2) hits++;
  }
  return { hits, state };
}

/** π as estimated from points of several jobs. */
export const estimate = (hits: number, points: number): number => (points === 0 ? 0 : (4 * hits) / points);

/** `HITS STATE`, as a guest writes it; undefined for anything else. */
export function readResult(text: string): JobResult | undefined {
  const match = /^(\d{1,10}) (\d{1,10})\n?$/.exec(text);
  return match ? { hits: Number(match[1]), state: Number(match[2]) } : undefined;
}

/** For awk, with `seed` and `n`: prints `HITS STATE`. */
export const piProgram = `BEGIN {
  m = 2147483647
  for (i = 0; i < n; i++) {
    seed = (seed * 16807) % m; x = int(seed / 65536)
    seed = (seed * 16807) % m; y = int(seed / 65536)
    if (x * x + y * y < 1073741824) hits++
  }
  printf "%d %d\\n", hits, seed
}
`;

/** Name of the output file. */
export const resultFile = 'result';
/** Set in the environment of the job whose first machine is to hang. */
export const hangMark = 'HANG';

/** The job in JDL. */
export function description({ seed, points }: JobSpec, hangs: boolean): string {
  return `[
  JobName = "pi ${seed}";
  Executable = "/bin/awk";
  Arguments = ${JSON.stringify(`-v seed=${seed} -v n=${points} '${piProgram}'`)};
  StdOutput = "${resultFile}";
  OutputSandbox = { "${resultFile}" };
  OutputSandboxBaseDestURI = "gsiftp://localhost";${hangs ? `\n  Environment = { "${hangMark}=first" };` : ''}
]
`;
}
