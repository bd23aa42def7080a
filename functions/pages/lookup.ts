import { within } from "../deadline.ts";
import { Failure, type FailureCode, QUOTA_CODES } from "../failure.ts";
import type { Need, Permits } from "../limit/permits.ts";
import { parsePageReply } from "../opend/short-interest.ts";
import { isSliceable, MOST_ROWS, type Page, pageOf } from "../short-interest/page.ts";
import type { SecuritySymbol } from "../short-interest/symbol.ts";
import { type EdgeCache, type EdgeCopy, SERVED_ONCE_MORE_MS } from "./edge-cache.ts";
import type { GlobalStore } from "./global-store.ts";
import { isRefusal, type KeptReply, keepPage, keepRefusal, nameOf, type PageKey, type Span } from "./kept.ts";
import type { Room } from "./room.ts";
import type { Upstream } from "./upstream.ts";

/** Where a reply came from: this data centre, the copy of all, another request's question, or OpenD. */
export type Origin = "edge" | "global" | "joined" | "fetched";

/** A reply, and how it was come by. */
export interface Found {
  readonly kept: KeptReply;
  readonly origin: Origin;
  /** Why it is served past its freshness; absent while it is fresh. */
  readonly stale?: string | undefined;
}

export interface LookupParts {
  readonly edge: EdgeCache;
  readonly store: GlobalStore;
  readonly upstream: Upstream;
  readonly permits: Pick<Permits, "settling" | "block">;
  /** How long one question may take, waiting included, in milliseconds. */
  readonly requestMs: number;
  /** Whoever asks, for the fair shares. */
  readonly client: string;
  /** Whether only a fresh page will do, and an old copy is as good as none. */
  readonly freshOnly: boolean;
  /** Unix time, milliseconds. */
  readonly now: () => number;
  /** Keeps the Worker running until what it is given has ended. */
  readonly background: (work: Promise<unknown>) => void;
  readonly room: Room;
  /** Told of each call that brought no page, and of each that could not be made for want of OpenD. */
  readonly failed: (code: FailureCode) => void;
  /** Tells this gateway's questions from those of another one in the same isolate. */
  readonly gateway: string;
}

/** After a refresh that failed, nobody tries again for this long: there is an answer meanwhile. */
const REFRESH_PAUSE_MS = 5_000;
/**
 * How long to wait before looking again for a page that another one fetches, at first and at most; half of
 * it is random.
 */
const LOOK_AGAIN_MS = 200;
const LOOK_AGAIN_MOST_MS = 1_000;
/** Who has a copy that is no longer trusted waits no longer than this for a better one. */
const WITH_COPY_MS = 1_000;

/** What tells that OpenD is not there. Used-up quotas and refusals do not: it answers. */
const FAILING: ReadonlySet<FailureCode> = new Set([
  "opend_unreachable",
  "opend_timeout",
  "opend_key_refused",
]);

interface Question {
  readonly client: string;
  readonly since: number;
  readonly found: Promise<Found>;
}

/** The questions under way in this isolate, so that those who ask meanwhile share one. */
const underway = new Map<string, Question>();

/** The reply for a page: from this data centre, from the copy of all of them, or from OpenD. */
export async function lookUp(parts: LookupParts, symbol: SecuritySymbol, key: PageKey): Promise<Found> {
  const copy = await parts.edge.get(key);
  const now = parts.now();
  if (copy === undefined || now >= copy.keptUntil) return ask(parts, symbol, key);
  if (now < copy.trustedUntil) return fromEdge(copy, now);
  const late = () => new Failure("opend_timeout", "There is no newer page in time");
  // It may join the question of a request that was cut off, and that never ends.
  const asking = within(parts.requestMs, late, () => ask(parts, symbol, key));
  if (now < copy.trustedUntil + SERVED_ONCE_MORE_MS) {
    parts.background(parts.room.hold(asking).catch(() => undefined));
    return fromEdge(copy, now);
  }
  return within(WITH_COPY_MS, late, () => asking).catch((thrown: unknown) => ({
    kept: copy,
    origin: "edge",
    stale: Failure.from(thrown).code,
  }));
}

function fromEdge(kept: EdgeCopy, now: number): Found {
  return { kept, origin: "edge", stale: now < kept.freshUntil ? undefined : "refreshing" };
}

/** Joins whoever is asking the global store for it already, or asks. */
async function ask(parts: LookupParts, symbol: SecuritySymbol, key: PageKey): Promise<Found> {
  const name = `${parts.gateway} ${nameOf(key)}`;
  for (;;) {
    const other = underway.get(name);
    // One whose request was cut off never ends.
    if (other === undefined || parts.now() - other.since > parts.requestMs) break;
    try {
      return { ...(await other.found), origin: "joined" };
    } catch (thrown) {
      // That its client's share is used up says nothing of another one's.
      const itsOwn = Failure.from(thrown).code === "client_quota_exceeded" && other.client !== parts.client;
      if (!itsOwn) throw thrown;
      if (underway.get(name) === other) underway.delete(name);
    }
  }
  const found = within(
    parts.requestMs,
    () => new Failure("opend_timeout", "OpenD did not answer in time"),
    (signal) => askStore(parts, symbol, key, signal),
  );
  const question = { client: parts.client, since: parts.now(), found };
  underway.set(name, question);
  const ended = found
    .catch(() => undefined)
    .then(() => {
      if (underway.get(name) === question) underway.delete(name);
    });
  parts.background(ended);
  return found;
}

async function askStore(
  parts: LookupParts,
  symbol: SecuritySymbol,
  key: PageKey,
  signal: AbortSignal,
): Promise<Found> {
  const claim = crypto.randomUUID();
  for (let pauseMs = LOOK_AGAIN_MS; !signal.aborted; pauseMs = Math.min(2 * pauseMs, LOOK_AGAIN_MOST_MS)) {
    const { kept, fetch, restMs } = await parts.store.read(key, claim);
    if (kept && (fetch === "needless" || !parts.freshOnly)) {
      await parts.edge.put(key, kept, isRefusal(kept) ? undefined : spanIn(symbol, key, kept));
      if (fetch === "yours") {
        const own = { ...key, cursor: kept.cursor };
        const refreshing = fetchAndKeep(parts, symbol, own, claim, "refresh");
        parts.background(parts.room.hold(refreshing).catch(() => undefined));
      }
      const stale = { needless: undefined, yours: "refreshing", others: "refreshing", nobody: "resting" };
      return { kept, origin: "global", stale: stale[fetch] };
    }
    if (fetch === "yours") {
      const fetching = fetchAndKeep(parts, symbol, key, claim, "answer");
      // It is finished also when this question is out of time.
      parts.background(fetching.catch(() => undefined));
      return { kept: await fetching, origin: "fetched" };
    }
    if (fetch === "nobody" && restMs > 0) {
      throw new Failure("opend_unreachable", "OpenD has failed repeatedly and is left alone for a moment", {
        retryAfterMs: restMs,
      });
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs * (0.5 + Math.random() / 2)));
  }
  throw signal.reason;
}

/** Fetches a reply from OpenD as the holder of the claim, and keeps it where it is worth keeping. */
async function fetchAndKeep(
  parts: LookupParts,
  symbol: SecuritySymbol,
  key: PageKey,
  claim: string,
  priority: Need["priority"],
): Promise<KeptReply> {
  const { edge, store, permits, background } = parts;
  const later = (work: Promise<unknown>) => background(work.catch(() => undefined));
  const pauseMs = priority === "refresh" ? REFRESH_PAUSE_MS : 0;
  const need = { client: parts.client, priority };
  const request = { symbol, cursor: key.cursor, num: key.num ?? MOST_ROWS };

  const { reply, permit } = await parts.upstream.fetch(request, need).catch((thrown: unknown) => {
    const failure = Failure.from(thrown);
    // A call that the quota does not allow is refused, not failed.
    if (!QUOTA_CODES.has(failure.code)) parts.failed(failure.code);
    // That this client may not refresh it keeps nobody else from it.
    const pause = failure.code === "client_quota_exceeded" ? 0 : pauseMs;
    later(store.release(key, claim, { failed: FAILING.has(failure.code), pauseMs: pause }, []));
    throw failure;
  });
  const fetchedAt = parts.now();
  let kept: KeptReply;
  let span: Span | undefined;
  try {
    kept = keepPage(reply, key.cursor, fetchedAt);
    span = spanIn(symbol, key, kept);
  } catch (thrown) {
    const failure = Failure.from(thrown);
    const settling = permits.settling(permit, failure.code === "unknown_symbol");
    if (failure.code !== "unknown_symbol") {
      parts.failed(failure.code);
      // Before the claim is given up: nobody is to call in between.
      const told = failure.code === "upstream_quota_exceeded" ? await blocked(permits, failure) : failure;
      later(store.release(key, claim, { failed: false, pauseMs }, [settling]));
      throw told;
    }
    const refusal = keepRefusal(reply, key.cursor, fetchedAt);
    later(store.write(key, claim, refusal, undefined, [settling]));
    await edge.put(key, refusal, undefined);
    throw failure;
  }
  later(store.write(key, claim, kept, span, [permits.settling(permit, false)]));
  await edge.put(key, kept, span);
  return kept;
}

/** Other programs use the account too. Calls before its window is over would only be refused. */
async function blocked(permits: LookupParts["permits"], { code, detail }: Failure): Promise<Failure> {
  return new Failure(code, detail, { retryAfterMs: await permits.block() });
}

/** What copies have in them, for as long as this isolate remembers them: reading one takes longer than answering. */
const pages = new WeakMap<KeptReply, Page>();

/** @throws Failure as the reply states, or where it cannot be read */
export function readPage(symbol: SecuritySymbol, kept: KeptReply): Page {
  const page = pages.get(kept) ?? pageOf(symbol.market, kept.cursor, parsePageReply(kept.reply));
  pages.set(kept, page);
  return page;
}

/**
 * The timestamps between which cursors fall inside the page; undefined for one that cannot be sliced, or
 * that is kept for its own cursor alone.
 */
function spanIn(symbol: SecuritySymbol, key: PageKey, kept: KeptReply): Span | undefined {
  const page = readPage(symbol, kept);
  const newest = page.rows.at(0);
  const oldest = page.rows.at(-1);
  if (key.num !== undefined || !newest || !oldest || !isSliceable(page)) return undefined;
  return { newest: Number(newest.timestamp), oldest: Number(oldest.timestamp) };
}
