import type { Permits, Priority } from "../rate-limit/permits.ts";
import { FIRST_CURSOR } from "../short-interest/page.ts";
import type { PageKey } from "./cached-reply.ts";
import type { CircuitMemory } from "./circuit-memory.ts";
import type { FetchLikelihood } from "./fetch-likelihood.ts";
import type { ConnectionAhead, Upstream } from "./upstream.ts";

export interface ConnectAheadDeps {
  readonly upstream: Upstream;
  readonly permits: Pick<Permits, "rememberedRefusal">;
  readonly client: string;
  /** What this data center knows of the open circuit. */
  readonly circuitMemory: CircuitMemory;
  /** How likely a lookup without an edge copy fetches its page. */
  readonly likelihood: FetchLikelihood;
}

/**
 * Connects to OpenD while a lookup reads the shared cache, if a fetch is likely and nothing known forbids it.
 * @returns the upstream for the lookup's fetch, whether or not it has connected. Close it as soon as the lookup does not
 * fetch; `signal` closes it too.
 */
export function connectAhead(deps: ConnectAheadDeps, key: PageKey, signal: AbortSignal): ConnectionAhead {
  const { upstream, permits, client, circuitMemory, likelihood } = deps;
  let connection: ConnectionAhead | undefined;
  let isLooking = true;
  /** Takes the connection, if there is one. None opens after it. */
  const take = () => {
    const taken = connection;
    connection = undefined;
    isLooking = false;
    return taken;
  };
  let isCounted = false;
  const count = (fetched: boolean) => {
    if (!isCounted) likelihood.add(fetched);
    isCounted = true;
  };
  const close = () => {
    take()?.close();
    count(false);
  };

  const priority = priorityOfUnknown(key);
  const isRefused = () => permits.rememberedRefusal({ client, priority }) !== undefined;
  if (likelihood.isLikely() && priority !== "refresh" && !isRefused()) {
    signal.addEventListener("abort", close, { once: true });
    circuitMemory.isOpen().then((isOpen) => {
      if (!isOpen && isLooking) connection = upstream.connectAhead();
    });
  }
  return {
    async fetch(...args) {
      const fetched = await (take() ?? upstream).fetch(...args);
      count(true);
      return fetched;
    },
    close,
  };
}

/** The priority of a fetch if no cache knows the page. */
export function priorityOfUnknown({ cursor, exact }: PageKey): Priority {
  // Without it, the rows of another page are served. Each row has such a cursor, so they must not use up all calls.
  if (exact) return "refresh";
  return cursor === FIRST_CURSOR ? "new-symbol" : "unknown-cursor";
}
