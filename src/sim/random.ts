/** Numbers from 0 up to, but not including, 1. */
export type Random = () => number;

/** A repeatable source: the same seed and name give the same numbers. Each part of a simulation has its own, so that a change in one disturbs no other. */
export function seeded(seed: number, name: string): Random {
  let [a, b, c, d] = words(`${seed}/${name}`);
  const next = (): number => {
    // sfc32: small, fast, and good enough for every statistical test that matters here.
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return (t >>> 0) / 4_294_967_296;
  };
  for (let i = 0; i < 12; i++) next();
  return next;
}

/** Four words that depend on every character of the text (FNV-1a with four offsets, mixed). */
function words(text: string): [number, number, number, number] {
  const one = (offset: number): number => {
    let h = offset;
    for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return h ^ (h >>> 16);
  };
  return [one(0x811c9dc5), one(0x9e3779b9), one(0x7f4a7c15), one(0x2545f491)];
}

export const exponential = (random: Random, mean: number): number => -mean * Math.log(1 - random());

/** Normal distribution with mean 0 and deviation 1 (Box and Muller). */
export const normal = (random: Random): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
