import { requestTimeout, within } from "../deadline.ts";
import { Failure } from "../failure.ts";
import type { Priority } from "../limit/permits.ts";
import { FIRST } from "../short-interest/page.ts";
import type { SecuritySymbol } from "../short-interest/symbol.ts";
import { type EdgeCopy, SERVED_ONCE_MORE_MS } from "./edge-cache.ts";
import { type FetchParts, fetchAndKeep, readPage } from "./fetch.ts";
import { isShortLived, type KeptReply, nameOf, type PageKey, summaryOf } from "./kept.ts";
import type { Room } from "./room.ts";

/** Where a reply came from: this data center, the shared store, a coalesced request, or OpenD. */
export type Origin = "edge" | "global" | "joined" | "fetched";

/** A reply, and how it was found. */
export interface Found {
  readonly kept: KeptReply;
  readonly origin: Origin;
  /** Why it is served stale; absent while it is fresh. */
  readonly stale?: string | undefined;
}

export interface LookupParts extends FetchParts {
  /** How long one lookup may take, waiting included, in milliseconds. */
  readonly requestMs: number;
  /** Whether only a fresh page will do. */
  readonly freshOnly: boolean;
  readonly room: Room;
  /** Tells this gateway's lookups from those of another one in the same isolate. */
  readonly gateway: string;
}

/**
 * How long to wait before looking again for a page that another lease holder fetches, at first and at most. Half of
 * it is random.
 */
const LOOK_AGAIN_MS = 200;
const LOOK_AGAIN_MOST_MS = 1_000;
/** A request that has a copy waits no longer than this for a better one. */
const WITH_COPY_MS = 1_000;
/** A store that fails after this long, in milliseconds, hangs; a store that fails sooner refuses or is gone. */
const HANGS_MS = 1_000;

/** The parts of one invocation's lookups. */
export interface LookupContext extends LookupParts {
  /** Set when a lookup has waited for a store that hangs: the other lookups of the invocation do not wait again. */
  readonly storeHangs: { failure?: Failure };
}

/** A lookup in flight. Requests for the same page share it (request coalescing). */
interface Flight {
  readonly client: string;
  readonly since: number;
  readonly found: Promise<Found>;
  /** Whether it waits for OpenD; before that, it waits for the shared store. */
  callsOpend: boolean;
}

const inFlight = new Map<string, Flight>();
const flightKeyOf = ({ gateway }: LookupParts, key: PageKey) => `${gateway} ${nameOf(key)}`;

/** The reply for a page: from this data center, from the shared store, or from OpenD. */
export async function lookUp(parts: LookupContext, symbol: SecuritySymbol, key: PageKey): Promise<Found> {
  const copy = await parts.edge.get(key);
  const now = parts.now();
  if (copy === undefined || now >= copy.keptUntil) return coalesce(parts, symbol, key);
  if (now < copy.trustedUntil) return fromEdge(copy, now);
  if (parts.storeHangs.failure) return { kept: copy, origin: "edge", stale: parts.storeHangs.failure.code };
  const late = () =>
    inFlight.get(flightKeyOf(parts, key))?.callsOpend
      ? new Failure("opend_timeout", "OpenD did not answer in time")
      : new Failure("store_unavailable", "The store that all data centers share did not answer in time");
  // The flight of a request that was cut off never settles.
  const looking = within(
    parts.requestMs,
    () => requestTimeout(parts.requestMs),
    () => coalesce(parts, symbol, key),
  );
  if (now < copy.trustedUntil + SERVED_ONCE_MORE_MS) {
    parts.background(parts.room.hold(looking.catch(() => parts.edge.trustAgain(key, copy))));
    return fromEdge(copy, now);
  }
  return within(WITH_COPY_MS, late, () => looking).catch((thrown: unknown) => {
    const failure = Failure.from(thrown);
    parts.edge.trustAgain(key, copy);
    if (failure.code === "store_unavailable") parts.storeHangs.failure = failure;
    return { kept: copy, origin: "edge", stale: failure.code };
  });
}

function fromEdge(kept: EdgeCopy, now: number): Found {
  return { kept, origin: "edge", stale: now < kept.freshUntil ? undefined : "refreshing" };
}

/** Joins the lookup in flight for this page, or starts one. */
async function coalesce(parts: LookupContext, symbol: SecuritySymbol, key: PageKey): Promise<Found> {
  const name = flightKeyOf(parts, key);
  for (;;) {
    const other = inFlight.get(name);
    // The flight of a request that was cut off never settles.
    if (other === undefined || parts.now() - other.since > parts.requestMs) break;
    try {
      return { ...(await other.found), origin: "joined" };
    } catch (thrown) {
      // Another client's used-up share says nothing about this client.
      const isForeign =
        Failure.from(thrown).code === "client_quota_exceeded" && other.client !== parts.client;
      if (!isForeign) throw thrown;
      if (inFlight.get(name) === other) inFlight.delete(name);
    }
  }
  if (parts.storeHangs.failure) throw parts.storeHangs.failure;
  const since = parts.now();
  const found = within(
    parts.requestMs,
    () => requestTimeout(parts.requestMs),
    async (signal) => (await findRefused(parts, symbol, key)) ?? findOrFetch(parts, symbol, key, signal),
  ).catch((thrown: unknown) => {
    const failure = Failure.from(thrown);
    const hangs = failure.code === "store_unavailable" && parts.now() - since >= HANGS_MS;
    if (hangs) parts.storeHangs.failure = failure;
    throw failure;
  });
  const flight = { client: parts.client, since, found, callsOpend: false };
  inFlight.set(name, flight);
  const ended = found
    .catch(() => undefined)
    .then(() => {
      if (inFlight.get(name) === flight) inFlight.delete(name);
    });
  parts.background(ended);
  return found;
}

/**
 * While the limiter refuses, a lookup costs a few plain commands: no lease, no permit.
 * @returns undefined if the limiter might grant a permit for the page
 * @throws Failure the remembered refusal, if there is no stored reply
 */
async function findRefused(
  parts: LookupContext,
  symbol: SecuritySymbol,
  key: PageKey,
): Promise<Found | undefined> {
  const { edge, store, permits, client } = parts;
  const refusalOf = (priority: Priority) => permits.refusal({ client, priority });
  const refused = refusalOf("answer");
  const refreshRefused = refusalOf("refresh");
  const unknownRefused = refusalOf(key.cursor === FIRST ? "new-symbol" : "unknown-cursor");
  if (!refreshRefused && !unknownRefused) return undefined;
  // Other clients may refresh the page.
  const mayRefresh = refreshRefused?.code === "client_quota_exceeded";
  // The shared store has no page of an unknown cursor, and an invented cursor has no row.
  const isKnown = refused || (await edge.isKnown(key)) || (await store.isKnown(key));
  const kept = isKnown || key.num === undefined ? await store.peek(key) : undefined;
  if (kept && parts.now() < kept.freshUntil) {
    await putAtEdge(parts, symbol, key, kept);
    return { kept, origin: "global" };
  }
  if (kept && refreshRefused && !parts.freshOnly) {
    if (!mayRefresh) await putAtEdge(parts, symbol, key, kept);
    return { kept, origin: "global", stale: refreshRefused.code };
  }
  if (refused) throw refused;
  if (!kept && !isKnown && unknownRefused) throw unknownRefused;
  return undefined;
}

async function findOrFetch(
  parts: LookupContext,
  symbol: SecuritySymbol,
  key: PageKey,
  signal: AbortSignal,
): Promise<Found> {
  const lease = crypto.randomUUID();
  for (let pauseMs = LOOK_AGAIN_MS; !signal.aborted; pauseMs = Math.min(2 * pauseMs, LOOK_AGAIN_MOST_MS)) {
    const { kept, fetch, waitMs, pausedBy, isKnown } = await parts.store.read(key, lease);
    if (kept && (fetch === "fresh" || !parts.freshOnly)) {
      await putAtEdge(parts, symbol, key, kept, waitMs);
      if (fetch === "lease-acquired") {
        const own = { ...key, cursor: kept.cursor };
        const refreshing = fetchAndKeep(parts, symbol, own, { lease, stored: kept, priority: "refresh" });
        parts.background(parts.room.hold(refreshing.catch(() => undefined)));
      }
      const stale = {
        fresh: undefined,
        "lease-acquired": "refreshing",
        "lease-held": "refreshing",
        "circuit-open": "resting",
        paused: pausedBy,
      };
      return { kept, origin: "global", stale: stale[fetch] };
    }
    if (fetch === "lease-acquired") {
      const flight = inFlight.get(flightKeyOf(parts, key));
      if (flight) flight.callsOpend = true;
      const unknown = key.cursor === FIRST ? "new-symbol" : "unknown-cursor";
      const priority = isKnown || (await parts.edge.isKnown(key)) ? "answer" : unknown;
      const own = kept ? { ...key, cursor: kept.cursor } : key;
      const fetching = fetchAndKeep(parts, symbol, own, { lease, stored: kept, priority });
      // It runs to its end even if this lookup is out of time.
      parts.background(fetching.catch(() => undefined));
      return { kept: await fetching, origin: "fetched" };
    }
    if (fetch === "circuit-open" && waitMs > 0) {
      throw new Failure("opend_unreachable", "OpenD has failed repeatedly and is not called for a moment", {
        retryAfterMs: waitMs,
      });
    }
    if (pausedBy) {
      throw new Failure(pausedBy, "The last attempt to fetch this page failed, and the next one waits", {
        retryAfterMs: waitMs,
      });
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs * (0.5 + Math.random() / 2)));
  }
  throw signal.reason;
}

function putAtEdge(
  { edge }: LookupParts,
  symbol: SecuritySymbol,
  key: PageKey,
  kept: KeptReply,
  waitMs = 0,
): Promise<void> {
  const summary = isShortLived(kept) ? undefined : summaryOf(readPage(symbol, kept), key);
  return edge.put(key, kept, summary, waitMs);
}
