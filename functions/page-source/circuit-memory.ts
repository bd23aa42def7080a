/**
 * What this isolate remembers of an open circuit. Meanwhile it serves stale copies without reading the shared cache: in
 * an outage of OpenD, hundreds of data centers would read it again and again for each stale page.
 */
export interface CircuitMemory {
  /** @param openMs for how long the circuit is open, in milliseconds; 0 while it is probed */
  remember(openMs: number): void;
  isOpen(): boolean;
}

/** The end of a probe is unknown. */
const PROBE_MS = 10_000;

/** End of the memory, by database: an isolate may serve several configurations. */
const openUntil = new Map<string, number>();

/**
 * @param database identifies the database
 * @param now Unix time, milliseconds
 */
export function createCircuitMemory(database: string, now: () => number): CircuitMemory {
  return {
    remember(openMs) {
      // Up to half as long again: one data center probes OpenD, and the others read how that ended.
      openUntil.set(database, now() + Math.max(openMs, PROBE_MS) * (1 + Math.random() / 2));
    },
    isOpen: () => now() < (openUntil.get(database) ?? 0),
  };
}
