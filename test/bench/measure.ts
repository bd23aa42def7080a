import { randomFrom } from "../stand-ins/sample-data.ts";

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/**
 * Measures several programs in turns, so that drift of the machine affects all of them.
 * @param measure one measurement of a program
 * @returns the results of each program
 */
export async function interleave<Name extends string, Result>(
  names: readonly Name[],
  rounds: number,
  measure: (name: Name, round: number) => Promise<Result> | Result,
): Promise<Record<Name, Result[]>> {
  const results = new Map<Name, Result[]>(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    // Each round starts with another program: the first one bears the after-effects of the last one.
    for (const offset of names.keys()) {
      const name = names[(offset + round) % names.length];
      if (name !== undefined) results.get(name)?.push(await measure(name, round));
    }
  }
  return Object.fromEntries(results) as Record<Name, Result[]>;
}

/** Returns a generator of ranks from 0 to `count` - 1 with Zipf's distribution: rank n has the weight 1 / (n + 1). */
export function zipf(count: number, random = randomFrom("zipf")): () => number {
  const weights = Array.from({ length: count }, (_, rank) => 1 / (rank + 1));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return () => {
    let remaining = random() * sum;
    for (const [rank, weight] of weights.entries()) {
      remaining -= weight;
      if (remaining < 0) return rank;
    }
    return 0;
  };
}
