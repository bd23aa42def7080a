import type { CachedReply, PageKey, PageSummary } from "../../functions/page-source/cached-reply.ts";
import { type FreshnessPolicy, freshnessPolicy, staleUntil } from "../../functions/page-source/freshness.ts";
import {
  createSharedCache,
  type PageSlot,
  type PageWrite,
  type WriteResult,
} from "../../functions/page-source/shared-cache.ts";
import { createUpstash, type UpstashAddress } from "../../functions/upstash.ts";
import { PERMIT_LOG } from "./permit-log.ts";
import { control } from "./stand-ins.ts";

export const NOW = 1_800_000_000_000;
export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** Every page is fresh for an hour, so that these tests do not depend on the calendar. */
export const HOUR_POLICY: FreshnessPolicy = {
  ...freshnessPolicy,
  freshUntil: ({ fetchedAt }) => fetchedAt + HOUR,
};

/** Ten rows, the newest of 2023-11-14, and the end of the history. */
export const summary = (changes: Partial<PageSummary> = {}): PageSummary => ({
  newest: 1_700_000_000,
  extent: 10,
  next: null,
  range: undefined,
  ...changes,
});

/** The summary of a page that can be sliced, and whose history goes on. */
export const summaryOfRange = (newest: number, oldest: number) =>
  summary({ newest, next: String(oldest), range: { newest, oldest } });

/** A page that is fresh for an hour. */
export const cachedPage = (
  reply: Uint8Array<ArrayBuffer>,
  cursor: string,
  fetchedAt: number,
): CachedReply => ({
  reply,
  cursor,
  fetchedAt,
  freshUntil: fetchedAt + HOUR,
  staleUntil: staleUntil(cursor, fetchedAt),
});

/** The settlement of a permit that is not in the log. */
const NO_SETTLEMENT = { key: PERMIT_LOG, args: ["none", "0", "1", "1000"] };

/** The slot of a page that is not stored. */
export const emptySlot = (key: PageKey): PageSlot => ({ key, version: "", publication: undefined });

/** What a test stores; the rest has defaults. */
type PageToWrite = Partial<PageWrite> & Pick<PageWrite, "cached"> & { readonly leaseId?: string };

interface Options {
  readonly leaseMs?: number;
  readonly policy?: FreshnessPolicy;
  /** An Upstash that runs already; otherwise it gets its own. */
  readonly address?: UpstashAddress & { readonly id: number };
}

/** Starts a shared cache with a clock. */
export async function startSharedCache({ leaseMs = HOUR, policy = HOUR_POLICY, address }: Options = {}) {
  const { id, url, token } = address ?? (await control.startUpstash());
  const upstash = createUpstash({ url, token }, 1_000);
  let now = NOW;
  const cache = createSharedCache(upstash, leaseMs, () => now, policy);
  return {
    cache,
    upstash,
    url,
    setTime: (ms: number) => {
      now = ms;
    },
    /** Runs a command in Redis. */
    command: (name: string, ...args: string[]) => control.redis(id, name, ...args),
    /** The number of HTTP requests so far. */
    requests: () => control.upstashRequests(id),
    /** Runs the script of a lease without a permit. Returns its reply. */
    async acquire(key: PageKey, leaseId: string): Promise<unknown> {
      const { slot } = await cache.look(key);
      const [reply] = await upstash.evalAll([cache.lease(slot, leaseId).script]);
      return reply;
    },
    /** Stores a page. */
    write(key: PageKey, { leaseId = "", ...write }: PageToWrite): Promise<WriteResult> {
      const defaults = { summary: summary(), settlement: NO_SETTLEMENT, isRewritten: false };
      return cache.write(emptySlot(key), leaseId, { ...defaults, ...write });
    },
  };
}
