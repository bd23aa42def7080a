import { randomFrom } from "../../stand-ins/sample-data.ts";

/** The clock of a simulation: Unix time in whole milliseconds. It never goes back. */
export class VirtualClock {
  #ms: number;

  constructor(startMs: number) {
    this.#ms = startMs;
  }

  readonly now = () => this.#ms;

  /** Sets the time, unless it is past. */
  advanceTo(ms: number): void {
    this.#ms = Math.max(this.#ms, Math.floor(ms));
  }
}

/**
 * Runs `work` with the clock as `Date.now`, because the limiter reads that, and with random numbers that depend on the
 * seed only.
 */
export async function withVirtualTime<T>(
  clock: VirtualClock,
  seed: string,
  work: () => Promise<T>,
): Promise<T> {
  const { now } = Date;
  const { random } = Math;
  Date.now = clock.now;
  Math.random = randomFrom(seed);
  try {
    return await work();
  } finally {
    Date.now = now;
    Math.random = random;
  }
}
