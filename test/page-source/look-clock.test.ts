import { expect, it } from "vitest";
import { cachedRefusal, EMPTY_SUMMARY } from "../../functions/page-source/cached-reply.ts";
import { createSharedCache } from "../../functions/page-source/shared-cache.ts";
import { HOUR, HOUR_POLICY, MINUTE, NOW, startSharedCache } from "../support/shared-cache.ts";

// A refusal that counts as stale would be served as a page, and its refresh would fail.
it("A look at a refusal that expires meanwhile finds it fresh or not at all", async () => {
  const key = { symbol: "HK.00700", cursor: "" };
  const cached = cachedRefusal(new Uint8Array([1]), "", NOW, 10 * MINUTE);
  const { upstash, write } = await startSharedCache();
  await write(key, { cached, summary: EMPTY_SUMMARY });
  for (let beforeMs = 1; beforeMs <= 10; beforeMs += 1) {
    // A millisecond passes with each reading.
    let now = cached.freshUntil - beforeMs;
    const clock = () => {
      now += 1;
      return now;
    };
    const look = await createSharedCache(upstash, HOUR, clock, HOUR_POLICY).look(key);
    expect(look.cached === undefined ? "not found" : look.state).toMatch(/^(fresh|not found)$/);
  }
});
