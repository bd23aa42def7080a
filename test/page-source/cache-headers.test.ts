import { describe, expect, it } from "vitest";
import { cacheHeaders } from "../../functions/page-source/cache-headers.ts";

const NOW = 1_800_000_000_000;
const fresh = { fetchedAt: NOW - 600_500, freshUntil: NOW + 3_000_000 };

describe("cache headers", () => {
  it("have the age, the lifetime and the remaining lifetime of a fresh page", () => {
    expect(cacheHeaders({ tier: "edge", ...fresh }, "public", NOW)).toEqual({
      Age: "600",
      "Cache-Control": "public, max-age=3600, stale-while-revalidate=3600, stale-if-error=604800",
      "Cache-Status": "short-interest-edge; hit; ttl=3000",
    });
  });

  it.each([
    [
      { tier: "shared", ...fresh },
      "short-interest-edge-shared; hit; ttl=3000, short-interest-edge; fwd=miss; stored",
    ],
    [{ tier: "collapsed", ...fresh }, "short-interest-edge; fwd=miss; collapsed"],
    [{ tier: "opend", ...fresh }, "short-interest-edge; fwd=miss; stored"],
    [
      { tier: "edge", staleReason: "revalidating", fetchedAt: NOW - 7_200_000, freshUntil: NOW - 3_600_000 },
      "short-interest-edge; fwd=stale; ttl=-3600; detail=revalidating",
    ],
  ] as const)("have the tier of %j in Cache-Status", (facts, status) => {
    expect(cacheHeaders(facts, "private", NOW)["Cache-Status"]).toBe(status);
  });
});
