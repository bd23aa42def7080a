import { beforeEach, describe, expect, it } from "vitest";
import { cachedRefusal, EMPTY_SUMMARY, type PageSummary } from "../../functions/page-source/cached-reply.ts";
import { cachedPage, DAY, HOUR, MINUTE, NOW, startSharedCache, summary } from "../support/shared-cache.ts";

const REPLY = new Uint8Array([0, 255, 8, 10]);
const OTHER_REPLY = new Uint8Array([1, 2, 3]);
const KEY = { symbol: "HK.00700", cursor: "" };
const PAGE = "short-interest:page:HK.00700/";
const LEASE = "short-interest:lease:HK.00700/";

const negativeReply = (fetchedAt: number) => cachedRefusal(REPLY, "", fetchedAt, 10 * MINUTE);

let started: Awaited<ReturnType<typeof startSharedCache>>;
beforeEach(async () => {
  started = await startSharedCache();
});

describe("reply that contradicts the stored page", () => {
  const stored = cachedPage(REPLY, "", NOW);
  const later = NOW + 2 * HOUR;

  async function writeStored() {
    await started.write(KEY, { cached: stored });
    started.setTime(later);
  }
  const write = (fetchedAt: number, next: PageSummary) =>
    started.write(KEY, { cached: cachedPage(OTHER_REPLY, "", fetchedAt), summary: next });
  const read = async () => (await started.cache.look(KEY)).cached;

  it.each([
    ["is empty", summary({ extent: 0, newest: 0 })],
    ["has fewer rows", summary({ extent: 9 })],
    ["has an older newest row", summary({ newest: 1_699_999_999 })],
  ])("and %s is unconfirmed, and stored when it repeats after a minute", async (_, contradiction) => {
    await writeStored();
    expect(await write(later, contradiction)).toBe("unconfirmed");
    started.setTime(later + MINUTE - 1);
    expect(await write(later + MINUTE - 1, contradiction)).toBe("unconfirmed");
    expect(await read()).toEqual(stored);
    started.setTime(later + MINUTE);
    expect(await write(later + MINUTE, contradiction)).toBe("stored");
    expect((await read())?.reply).toEqual(OTHER_REPLY);
  });

  it("and denies that the security exists is unconfirmed, and stored when it repeats after a minute", async () => {
    await writeStored();
    const writeDenial = (fetchedAt: number) =>
      started.write(KEY, { cached: negativeReply(fetchedAt), summary: EMPTY_SUMMARY });
    expect(await writeDenial(later)).toBe("unconfirmed");
    expect(await read()).toEqual(stored);
    started.setTime(later + MINUTE);
    expect(await writeDenial(later + MINUTE)).toBe("stored");
    expect((await read())?.staleUntil).toBe(later + 11 * MINUTE);
  });

  it("is unconfirmed again after a different contradiction or a consistent reply", async () => {
    await writeStored();
    expect(await write(later, summary({ extent: 3 }))).toBe("unconfirmed");
    started.setTime(later + MINUTE);
    expect(await write(later + MINUTE, summary({ extent: 4 }))).toBe("unconfirmed");
    expect(await write(later + MINUTE, summary())).toBe("stored");
    started.setTime(later + 2 * MINUTE);
    expect(await write(later + 2 * MINUTE, summary({ extent: 4 }))).toBe("unconfirmed");
  });

  it("leaves the version and the expiry of the stored page", async () => {
    await writeStored();
    const before = await started.cache.look(KEY);
    await write(later, summary({ extent: 3 }));
    expect(await started.cache.look(KEY)).toEqual(before);
    expect(await started.command("PTTL", PAGE)).toBeLessThanOrEqual(8 * DAY - 2 * HOUR);
  });

  it("holds the lease for a minute, so that the page is fetched again", async () => {
    await writeStored();
    await started.acquire(KEY, "a");
    await started.write(KEY, { cached: negativeReply(later), summary: EMPTY_SUMMARY, leaseId: "a" });
    expect(await started.cache.look(KEY)).toMatchObject({
      state: "backoff",
      waitMs: MINUTE,
      backoffCause: "opend_failed",
    });
    const remainingMs = await started.command("PTTL", LEASE);
    expect(remainingMs).toBeGreaterThan(MINUTE - 1_000);
    expect(remainingMs).toBeLessThanOrEqual(MINUTE);
  });

  it("but has the same rows with other values, as after a split, is stored", async () => {
    await writeStored();
    expect(await write(later, summary())).toBe("stored");
    expect((await read())?.reply).toEqual(OTHER_REPLY);
  });

  it("and was fetched before the stored page is superseded", async () => {
    await writeStored();
    expect(await write(NOW - 1, summary({ extent: 11 }))).toBe("superseded");
    expect(await read()).toEqual(stored);
  });

  it("whose time has expired is replaced at once", async () => {
    await writeStored();
    started.setTime(NOW + 8 * DAY);
    expect(await write(NOW + 8 * DAY, summary({ extent: 0, newest: 0 }))).toBe("stored");
  });
});
