import { DEADLINES, type Deadlines } from "./deadline.ts";
import type { Config } from "./env.ts";
import { createPermits } from "./limit/permits.ts";
import { createEdgeCache } from "./pages/edge-cache.ts";
import { createGlobalStore } from "./pages/global-store.ts";
import { createPageSource, type PageSource } from "./pages/source.ts";
import { createUpstream } from "./pages/upstream.ts";
import { createUpstash } from "./upstash.ts";

/** How old a permit may be when its call is sent, in milliseconds. */
const PERMIT_GUARD_MS = 1_000;

/** What a request brings along. */
export interface Invocation {
  /** The Worker's own origin. */
  readonly origin: string;
  /** Keeps the Worker running until what it is given has ended. */
  readonly background: (work: Promise<unknown>) => void;
  /** Whoever asks, for the fair shares. */
  readonly client: string;
  readonly deadlines?: Deadlines;
  /** Unix time, milliseconds. */
  readonly now?: () => number;
}

/** Puts the parts together that the way of a page needs. */
export function createGateway(config: Config, invocation: Invocation): PageSource {
  const { origin, client, background, deadlines = DEADLINES, now = Date.now } = invocation;
  const upstash = createUpstash(config.upstash, deadlines.upstash);
  const rule = { ...config.quota, holdMs: PERMIT_GUARD_MS + deadlines.call };
  const permits = createPermits(upstash, rule, background);
  return createPageSource({
    edge: createEdgeCache(caches.default, origin, now),
    store: createGlobalStore(upstash, deadlines.request, now),
    upstream: createUpstream({
      opend: config.opend,
      permits,
      deadlines,
      guardMs: PERMIT_GUARD_MS,
      background,
    }),
    permits,
    requestMs: deadlines.request,
    client,
    now,
    background,
    gateway: origin,
  });
}
