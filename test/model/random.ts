import { randomFrom } from "../stand-ins/sample-data.ts";

/** Random choices that depend on the seed only. */
export class Random {
  readonly #next: () => number;

  constructor(seed: string) {
    this.#next = randomFrom(seed);
  }

  /** An integer from `min` to `max`, both included. */
  integer(min: number, max: number): number {
    return min + Math.floor(this.#next() * (max - min + 1));
  }

  chance(probability: number): boolean {
    return this.#next() < probability;
  }

  /** @throws Error if the list is empty */
  pick<T>(choices: readonly T[]): T {
    const [choice] = choices.slice(this.integer(0, choices.length - 1));
    if (choice === undefined) throw new Error("The list of choices is empty");
    return choice;
  }

  /** @param weights weight of each choice, with a sum above 0 */
  weighted<T extends string>(weights: Readonly<Record<T, number>>): T {
    const entries = Object.entries<number>(weights);
    let rest = this.#next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const name in weights) {
      rest -= weights[name];
      if (rest < 0) return name;
    }
    throw new Error("The sum of the weights must be above 0");
  }
}
