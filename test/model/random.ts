import { randomFrom } from "../stand-ins/sample-data.ts";

/** Choices that are the same for the same seed. */
export class Random {
  readonly #next: () => number;

  constructor(seed: string) {
    this.#next = randomFrom(seed);
  }

  /** A whole number from `least` to `most`. */
  whole(least: number, most: number): number {
    return least + Math.floor(this.#next() * (most - least + 1));
  }

  chance(probability: number): boolean {
    return this.#next() < probability;
  }

  /** @throws Error if there is nothing to choose from */
  pick<T>(choices: readonly T[]): T {
    const [choice] = choices.slice(this.whole(0, choices.length - 1));
    if (choice === undefined) throw new Error("There is nothing to choose from");
    return choice;
  }

  /** @param weights of each choice, all together above 0 */
  weighted<T extends string>(weights: Readonly<Record<T, number>>): T {
    const entries = Object.entries<number>(weights);
    let rest = this.#next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const name in weights) {
      rest -= weights[name];
      if (rest < 0) return name;
    }
    throw new Error("There is nothing to choose from");
  }
}
