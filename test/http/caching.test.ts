import { expect, it } from "vitest";
import { cachingHeaders } from "../../functions/http/caching.ts";

const NOW = 1_800_000_000_000;
const fresh = { fetchedAt: NOW - 600_500, freshUntil: NOW + 3_000_000 };

it("Age counts from the fetch, and max-age is the whole freshness lifetime", () => {
  expect(cachingHeaders({ origin: "edge", ...fresh }, "public", NOW)).toEqual({
    Age: "600",
    "Cache-Control": "public, max-age=3600, stale-while-revalidate=3600, stale-if-error=604800",
    "Cache-Status": "short-interest-edge; hit; ttl=3000",
  });
});

it.each([
  [
    { origin: "global", ...fresh },
    "short-interest-edge-global; hit; ttl=3000, short-interest-edge; fwd=miss; stored",
  ],
  [{ origin: "joined", ...fresh }, "short-interest-edge; fwd=miss; collapsed"],
  [{ origin: "fetched", ...fresh }, "short-interest-edge; fwd=miss; stored"],
  [
    { origin: "edge", stale: "refreshing", fetchedAt: NOW - 7_200_000, freshUntil: NOW - 3_600_000 },
    "short-interest-edge; fwd=stale; ttl=-3600; detail=refreshing",
  ],
] as const)("Cache-Status for %j", (facts, status) => {
  expect(cachingHeaders(facts, "private", NOW)["Cache-Status"]).toBe(status);
});
