/**
 * What this isolate remembers of an open circuit. Meanwhile it serves stale copies without reading the shared cache: in
 * an outage of OpenD, hundreds of data centers would read it again and again for each stale page.
 */
export interface CircuitMemory {
  /** @param periodMs for how long the circuit was opened, in milliseconds */
  remember(periodMs: number): void;
  isOpen(): boolean;
}

/** The shortest memory, in milliseconds: in an outage the circuit opens again at once. */
const MIN_MEMORY_MS = 30_000;

/** End of the memory, by database: an isolate may serve several configurations. */
const openUntil = new Map<string, number>();

/**
 * @param database identifies the database
 * @param now Unix time, milliseconds
 */
export function createCircuitMemory(database: string, now: () => number): CircuitMemory {
  return {
    remember(periodMs) {
      // Up to twice as long: one data center probes OpenD, and the others read how that ended.
      openUntil.set(database, now() + Math.max(periodMs, MIN_MEMORY_MS) * (1 + Math.random()));
    },
    isOpen: () => now() < (openUntil.get(database) ?? 0),
  };
}
