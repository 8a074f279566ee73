export { random as seeded } from "../../lib/random.ts";

/** Normally distributed float32 values with mean 0 (Box and Muller 1958). */
export function normals(next: () => number, count: number, deviation: number): Float32Array {
  const values = new Float32Array(count);
  for (let i = 0; i < count; i += 2) {
    const radius = deviation * Math.sqrt(-2 * Math.log(1 - next()));
    const angle = 2 * Math.PI * next();
    values[i] = radius * Math.cos(angle);
    if (i + 1 < count) values[i + 1] = radius * Math.sin(angle);
  }
  return values;
}

/** An integer in `from .. to`, both included. */
export function between(next: () => number, from: number, to: number): number {
  return from + Math.floor(next() * (to - from + 1));
}
