import { randomFrom } from "../stand-ins/sample-data.ts";

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/**
 * Measures several things in turns, so that the drift of the machine is the same for all.
 * @param measure one turn of the named one; what it returns is collected
 */
export async function inTurns<Name extends string, Turn>(
  names: readonly Name[],
  rounds: number,
  measure: (name: Name, round: number) => Promise<Turn> | Turn,
): Promise<Record<Name, Turn[]>> {
  const turns = new Map<Name, Turn[]>(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    // Each round begins with another one: whoever comes first pays for what the last one has left.
    for (const at of names.keys()) {
      const name = names[(at + round) % names.length];
      if (name !== undefined) turns.get(name)?.push(await measure(name, round));
    }
  }
  return Object.fromEntries(turns) as Record<Name, Turn[]>;
}

/** Ranks from 0, each as often as Zipf's law says: the second half as often as the first, and so on. */
export function zipf(count: number, random = randomFrom("zipf")): () => number {
  const weights = Array.from({ length: count }, (_, rank) => 1 / (rank + 1));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return () => {
    let left = random() * sum;
    for (const [rank, weight] of weights.entries()) {
      left -= weight;
      if (left < 0) return rank;
    }
    return 0;
  };
}

/** The most of these times that lie within any window. */
export function worstWindow(times: readonly number[], windowMs: number): number {
  let oldest = 0;
  return times.reduce((worst, time, at) => {
    while (time - (times[oldest] ?? time) > windowMs) oldest += 1;
    return Math.max(worst, at - oldest + 1);
  }, 0);
}
