import { beforeEach, describe, expect, it } from "vitest";
import { freshnessPolicy, type Publication } from "../../functions/page-source/freshness.ts";
import { cachedPage, DAY, HOUR, MINUTE, NOW, startSharedCache, summary } from "../support/shared-cache.ts";

const REPLY = new Uint8Array([8, 10]);
const AAPL = { symbol: "US.AAPL", cursor: "" };
const TSLA = { symbol: "US.TSLA", cursor: "" };
const TENCENT = { symbol: "HK.00700", cursor: "" };
const RECORD = "short-interest:publication:US";
/** 2026-12-31 and 2026-12-15, midnight in New York. The clock starts on 2027-01-15. */
const NEWEST = 1_798_693_200;
const BEFORE = 1_797_310_800;

let started: Awaited<ReturnType<typeof startSharedCache>>;
beforeEach(async () => {
  started = await startSharedCache({ policy: freshnessPolicy });
});

const publication = (changes: Partial<Publication> = {}): Publication => ({
  newest: NEWEST,
  seenAt: NOW,
  checkedAt: NOW,
  step: 1,
  ...changes,
});
/** Stores a first page whose newest row has this timestamp, and what it says of the market. */
const write = (key: typeof AAPL, fetchedAt: number, newest: number, record?: Publication) =>
  started.write(key, {
    cached: cachedPage(REPLY, "", fetchedAt),
    summary: summary({ newest }),
    publication: record,
  });
const recordOf = async (key: typeof AAPL) => (await started.cache.look(key)).slot.publication;

describe("record of a market's publications", () => {
  it("is stored with a page, and shared by the symbols of the market", async () => {
    await write(AAPL, NOW, NEWEST, publication());
    expect(await recordOf(AAPL)).toEqual(publication());
    expect(await recordOf(TSLA)).toEqual(publication());
    expect(await recordOf(TENCENT)).toBeUndefined();
  });

  it("expires after 16 days", async () => {
    await write(AAPL, NOW, NEWEST, publication());
    const remainingMs = await started.command("PTTL", RECORD);
    expect(remainingMs).toBeGreaterThan(16 * DAY - MINUTE);
    expect(remainingMs).toBeLessThanOrEqual(16 * DAY);
  });

  it("stays if a page says nothing new", async () => {
    await write(AAPL, NOW, NEWEST, publication());
    await write(TSLA, NOW, NEWEST);
    expect(await recordOf(AAPL)).toEqual(publication());
  });

  it.each([
    ["a newer row", publication({ newest: NEWEST + 1, checkedAt: NOW - HOUR, seenAt: NOW - HOUR })],
    ["the same row, checked later", publication({ checkedAt: NOW + 1 })],
  ])("is replaced by %s", async (_, newer) => {
    await write(AAPL, NOW, NEWEST, publication());
    await write(TSLA, NOW, NEWEST, newer);
    expect(await recordOf(AAPL)).toEqual(newer);
  });

  it.each([
    ["an older row, even if checked later", publication({ newest: BEFORE, checkedAt: NOW + DAY })],
    ["the same row, checked earlier", publication({ checkedAt: NOW - 1, step: 2 })],
    ["the same row, checked at the same time", publication({ step: 2 })],
  ])("is not replaced by %s", async (_, older) => {
    await write(AAPL, NOW, NEWEST, publication());
    await write(TSLA, NOW, NEWEST, older);
    expect(await recordOf(AAPL)).toEqual(publication());
  });

  it("is not replaced by a reply that is not stored", async () => {
    await write(AAPL, NOW, NEWEST, publication());
    const newer = publication({ checkedAt: NOW + HOUR });
    expect(await write(AAPL, NOW + HOUR, BEFORE, newer)).toBe("unconfirmed");
    expect(await write(AAPL, NOW - 1, NEWEST, newer)).toBe("superseded");
    expect(await recordOf(AAPL)).toEqual(publication());
  });

  it("ends with the newest row for concurrent writes in any order", async () => {
    const records = Array.from({ length: 10 }, (_, index) =>
      publication({ newest: BEFORE + ((index * 7) % 10), checkedAt: NOW + index }),
    );
    await Promise.all(
      records.map((record, index) => write({ ...AAPL, symbol: `US.T${index}` }, NOW, NEWEST, record)),
    );
    expect((await recordOf(AAPL))?.newest).toBe(BEFORE + 9);
  });
});

describe("first page of a market", () => {
  it("becomes stale when another symbol shows a newer row, and is fresh with that row", async () => {
    const before = publication({ newest: BEFORE, seenAt: NOW - 10 * DAY });
    await write(AAPL, NOW, BEFORE, before);
    await write(TSLA, NOW, BEFORE);
    started.setTime(NOW + MINUTE);
    for (const key of [AAPL, TSLA]) expect(await started.cache.look(key)).toMatchObject({ state: "fresh" });
    const after = publication({ seenAt: NOW + MINUTE, checkedAt: NOW + MINUTE });
    await write(TSLA, NOW + MINUTE, NEWEST, after);
    expect(await started.cache.look(AAPL)).toMatchObject({
      state: "lease-free",
      cached: { freshUntil: NOW + MINUTE },
    });
    expect(await started.cache.look(TSLA)).toMatchObject({ state: "fresh" });
    await write(AAPL, NOW + MINUTE, NEWEST);
    expect(await started.cache.look(AAPL)).toMatchObject({ state: "fresh" });
  });

  it("stays fresh when another market shows a newer row", async () => {
    await write(AAPL, NOW, BEFORE, publication({ newest: BEFORE }));
    started.setTime(NOW + MINUTE);
    await write(TENCENT, NOW + MINUTE, NEWEST, publication({ checkedAt: NOW + MINUTE }));
    expect(await started.cache.look(AAPL)).toMatchObject({ state: "fresh" });
  });

  it("is fresh for longer when another symbol shows that there is no newer row", async () => {
    await write(AAPL, NOW, NEWEST, publication());
    const { cached: before } = await started.cache.look(AAPL);
    await write(TSLA, NOW + HOUR, NEWEST, publication({ checkedAt: NOW + HOUR }));
    const { cached: after } = await started.cache.look(AAPL);
    expect(after?.freshUntil).toBeGreaterThan(before?.freshUntil ?? 0);
    expect(after?.fetchedAt).toBe(before?.fetchedAt);
  });

  it("is never fresh after it expires, whatever the record says", async () => {
    await write(AAPL, NOW, NEWEST, publication());
    await write(TSLA, NOW, NEWEST, publication({ checkedAt: NOW + 30 * DAY }));
    started.setTime(NOW + 8 * DAY);
    expect(await started.cache.look(AAPL)).toMatchObject({ state: "lease-free", cached: undefined });
  });

  it("does not affect older pages of its symbol", async () => {
    const older = { ...AAPL, cursor: String(BEFORE) };
    await started.write(older, { cached: cachedPage(REPLY, older.cursor, NOW) });
    started.setTime(NOW + MINUTE);
    await write(AAPL, NOW + MINUTE, NEWEST, publication({ seenAt: NOW + MINUTE, checkedAt: NOW + MINUTE }));
    expect(await started.cache.look(older)).toMatchObject({
      state: "fresh",
      cached: { freshUntil: NOW + 7 * DAY },
    });
  });
});
