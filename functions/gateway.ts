import { DEADLINES, type Deadlines } from "./deadline.ts";
import type { Config } from "./env.ts";
import { createPermits } from "./limit/permits.ts";
import { createEdgeCache } from "./pages/edge-cache.ts";
import { createPageSource, type PageSource } from "./pages/source.ts";
import { createUpstash } from "./upstash.ts";

/** How old a permit may be when its call is sent, in milliseconds. */
const PERMIT_GUARD_MS = 1_000;

/** What a request brings along. */
export interface Invocation {
  /** The Worker's own origin. */
  readonly origin: string;
  /** Keeps the Worker running until what it is given has ended. */
  readonly background: (work: Promise<unknown>) => void;
  readonly deadlines?: Deadlines;
}

/** Puts the parts together that the way of a page needs. */
export function createGateway(config: Config, invocation: Invocation): PageSource {
  const { origin, background, deadlines = DEADLINES } = invocation;
  const permits = createPermits(
    createUpstash(config.upstash, deadlines.upstash),
    { ...config.quota, holdMs: PERMIT_GUARD_MS + deadlines.call },
    background,
  );
  return createPageSource({
    edge: createEdgeCache(caches.default, origin, Date.now),
    opend: config.opend,
    permits,
    deadlines,
    guardMs: PERMIT_GUARD_MS,
    background,
    now: Date.now,
    gateway: origin,
  });
}
