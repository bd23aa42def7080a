import { Failure, QUOTA_CODES } from "../errors.ts";
import type { Permit, Permits, Priority } from "../rate-limit/permits.ts";
import { LeaseNotAcquired } from "../rate-limit/required-lease.ts";
import { FIRST_CURSOR } from "../short-interest/page.ts";
import type { PageKey } from "./cached-reply.ts";
import type { CircuitMemory } from "./circuit-memory.ts";
import type { FetchLikelihood } from "./fetch-likelihood.ts";
import type { SharedCache } from "./shared-cache.ts";
import type { ConnectionAhead, Upstream } from "./upstream.ts";

export interface FetchAheadDeps {
  readonly upstream: Upstream;
  readonly sharedCache: Pick<SharedCache, "lease" | "release">;
  readonly permits: Pick<Permits, "acquire" | "release" | "rememberedRefusal">;
  readonly client: string;
  /** What this data center knows of the open circuit. */
  readonly circuitMemory: CircuitMemory;
  /** How likely a lookup without an edge copy fetches its page. */
  readonly likelihood: FetchLikelihood;
  readonly waitUntil: (work: Promise<unknown>) => void;
}

/** The fetch of a lookup, whether or not it was prepared ahead. */
export interface FetchAhead extends Pick<Upstream, "fetch"> {
  /** Whether a permit was requested and not refused. */
  hasPermit(): Promise<boolean>;
  /** Gives up what was prepared, unless `fetch` has taken it. Call it as soon as the page is not fetched. */
  close(): void;
}

/** What a fetch needs before its call. */
interface Preparation {
  readonly connection: ConnectionAhead;
  /** Absent for an older page: it may be a slice of a stored page, which the script of the lease does not find. */
  readonly permit: RequestedPermit | undefined;
}

/** A permit that was requested before the shared cache was read. */
interface RequestedPermit {
  readonly acquiring: Promise<Permit>;
  /** Whether the limiter or the script of the lease refused it. */
  readonly isRefused: Promise<boolean>;
  /** Releases the permit and the lease. Never fails: both end by themselves. */
  release(): Promise<void>;
}

/**
 * Prepares a fetch while a lookup reads the shared cache, if a fetch is likely and nothing known forbids it. It connects to
 * OpenD, and for a first page it acquires lease and permit too. No call is sent before `fetch`.
 * @param leaseId the name of the lease that the fetch will have
 * @param signal gives up the preparation
 */
export function fetchAhead(
  deps: FetchAheadDeps,
  key: PageKey,
  leaseId: string,
  signal: AbortSignal,
): FetchAhead {
  const { upstream, permits, client, circuitMemory, likelihood, waitUntil } = deps;
  let preparation: Preparation | undefined;
  let isLooking = true;
  /** Takes the preparation, if there is one. None starts after it. */
  const take = () => {
    const taken = preparation;
    preparation = undefined;
    isLooking = false;
    return taken;
  };
  let isCounted = false;
  const count = (fetched: boolean) => {
    if (!isCounted) likelihood.add(fetched);
    isCounted = true;
  };
  const close = () => {
    const taken = take();
    taken?.connection.close();
    if (taken?.permit) waitUntil(taken.permit.release());
    count(false);
  };

  const priority = priorityOfUnknown(key);
  const isRefusalKnown = () => permits.rememberedRefusal({ client, priority }) !== undefined;
  if (likelihood.isLikely() && priority !== "refresh" && !isRefusalKnown()) {
    signal.addEventListener("abort", close, { once: true });
    circuitMemory.isOpen().then((isOpen) => {
      const connection = isOpen || !isLooking ? undefined : upstream.connectAhead();
      if (!connection) return;
      const permit = priority === "new-symbol" ? requestPermit(deps, key, leaseId) : undefined;
      preparation = { connection, permit };
    });
  }
  return {
    async fetch(request, permitRequest, connectEarly) {
      const { connection, permit } = take() ?? {};
      // The limiter may grant one now: the look may have shown that the page has a higher priority.
      const isRefused = await permit?.isRefused;
      if (isRefused) await permit?.release();
      const fetched = await (connection
        ? connection.fetch(request, permitRequest, isRefused ? undefined : permit?.acquiring)
        : upstream.fetch(request, permitRequest, connectEarly));
      count(true);
      return fetched;
    },
    hasPermit: async () => preparation?.permit !== undefined && !(await preparation.permit.isRefused),
    close,
  };
}

/** Requests lease and permit as if no page were stored. If one is, the script of the lease refuses. */
function requestPermit(
  { sharedCache, permits, client }: FetchAheadDeps,
  key: PageKey,
  leaseId: string,
): RequestedPermit {
  const slot = { key, version: "", publication: undefined };
  const lease = sharedCache.lease(slot, leaseId);
  const acquiring = permits.acquire({ client, priority: priorityOfUnknown(key), lease });
  const isRefusal = (thrown: unknown) =>
    thrown instanceof LeaseNotAcquired || QUOTA_CODES.has(Failure.from(thrown).code);
  return {
    acquiring,
    isRefused: acquiring.then(() => false, isRefusal),
    async release() {
      try {
        await permits.release(await acquiring);
      } catch (thrown) {
        if (thrown instanceof LeaseNotAcquired) return;
      }
      await sharedCache.release(slot, leaseId, { outcome: "inconclusive" }).catch(ignoreFailure);
    },
  };
}

/** The priority of a fetch if no cache knows the page. */
export function priorityOfUnknown({ cursor, exact }: PageKey): Priority {
  // Without it, the rows of another page are served. Each row has such a cursor, so they must not use up all calls.
  if (exact) return "refresh";
  return cursor === FIRST_CURSOR ? "new-symbol" : "unknown-cursor";
}

/** A lease that is not released ends by itself. */
function ignoreFailure(): void {}
