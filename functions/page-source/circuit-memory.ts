import type { EdgeStorage } from "./edge-cache.ts";

/**
 * What this data center remembers of an open circuit. Meanwhile it serves stale copies without reading the shared cache: in
 * an outage of OpenD, hundreds of data centers would read it again and again for each stale page. The isolates of a data
 * center share the memory by way of the Cache API.
 */
export interface CircuitMemory {
  /** @param periodMs for how long the circuit was opened, in milliseconds */
  remember(periodMs: number): Promise<void>;
  isOpen(): Promise<boolean>;
}

/** Where the isolates of a data center share the memory. */
export interface CircuitStorage {
  readonly cache: EdgeStorage;
  /** The Worker's own origin: keys of the Cache API are URLs under it. */
  readonly origin: string;
}

/** The shortest memory, in milliseconds: in an outage the circuit opens again at once. */
const MIN_MEMORY_MS = 30_000;

/** End of this isolate's memory, by database: an isolate may serve several configurations. */
const openUntil = new Map<string, number>();

/**
 * @param database identifies the database
 * @param now Unix time, milliseconds
 * @param storage absent if the isolate does not share its memory
 */
export function createCircuitMemory(
  database: string,
  now: () => number,
  storage?: CircuitStorage,
): CircuitMemory {
  const isRemembered = () => now() < (openUntil.get(database) ?? 0);
  const url = `${storage?.origin}/circuit`;

  async function readShared(): Promise<number | undefined> {
    const response = await storage?.cache.match(url);
    return response && Number(await response.text());
  }

  return {
    async remember(periodMs) {
      const isKnown = isRemembered();
      // Up to twice as long: one data center probes OpenD, and the others read how that ended.
      const until = Math.ceil(now() + Math.max(periodMs, MIN_MEMORY_MS) * (1 + Math.random()));
      openUntil.set(database, until);
      if (isKnown) return;
      const headers = { "Cache-Control": `max-age=${Math.ceil((until - now()) / 1_000)}` };
      await storage?.cache.put(url, new Response(String(until), { headers })).catch(ignoreFailure);
    },
    async isOpen() {
      if (isRemembered()) return true;
      const until = await readShared().catch(ignoreFailure);
      if (until === undefined || now() >= until) return false;
      openUntil.set(database, until);
      return true;
    },
  };
}

/** A cache that fails to read or write is like an empty one. */
function ignoreFailure(): undefined {}
