import { describe, expect, it } from "vitest";
import {
  freshnessPolicy,
  type PageFacts,
  type Publication,
  publicationAfterFetch,
  staleUntil,
} from "../../functions/page-source/freshness.ts";
import { timestampOf } from "../short-interest/publications.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const [MARCH, APRIL, MID_MAY, MAY] = ["2026-03-31", "2026-04-30", "2026-05-15", "2026-05-29"].map((date) =>
  timestampOf("US", date),
) as [number, number, number, number];
const MID_APRIL = timestampOf("US", "2026-04-15");
/** The row of 05-15 is published at 16:00 in New York. 05-25 is Memorial Day. */
const DUE = Date.parse("2026-05-27T20:00Z");
/** The row of 05-29. */
const NEXT_DUE = Date.parse("2026-06-09T20:00Z");

const page = (fetchedAt: number, newest = APRIL): PageFacts => ({
  market: "US",
  cursor: "",
  fetchedAt,
  newest,
});
const record = (seenAt: number, checkedAt: number, newest = APRIL, step = 1): Publication => ({
  newest,
  seenAt,
  checkedAt,
  step,
});
const { freshUntil, revalidateAfter } = freshnessPolicy;

describe("freshUntil of a page with the market's newest row", () => {
  const longAgo = DUE - 10 * DAY;
  it.each([
    ["6 h after its fetch without a record", page(longAgo), undefined, longAgo + 6 * HOUR],
    ["6 h after the last fetch in the market", page(longAgo), record(0, longAgo + HOUR), longAgo + 7 * HOUR],
    ["a day after its own fetch", page(longAgo), record(0, longAgo + 23 * HOUR), longAgo + DAY],
    ["the publication, if that is sooner", page(DUE - HOUR), record(0, DUE - MINUTE), DUE],
    ["15 min after a look at the publication", page(DUE), undefined, DUE + 15 * MINUTE],
    ["15 min after a look within 15 min", page(DUE + MINUTE), undefined, DUE + 16 * MINUTE],
    ["twice the time since the publication", page(DUE + 20 * MINUTE), undefined, DUE + 40 * MINUTE],
    ["an hour after a look an hour later", page(DUE + 2 * HOUR), undefined, DUE + 3 * HOUR],
    ["as long after a look of another symbol", page(DUE), record(0, DUE + 2 * HOUR), DUE + 3 * HOUR],
    ["6 h after its own fetch, if looks go on", page(DUE), record(0, DUE + 6 * HOUR), DUE + 6 * HOUR],
    ["6 h after the publication", page(DUE - HOUR), record(0, DUE + 6 * HOUR), DUE + 6 * HOUR],
    ["as long after its own fetch", page(DUE + 8 * HOUR), record(0, DUE + 16 * HOUR), DUE + 16 * HOUR],
    ["a day after its own fetch", page(DUE + 2 * DAY), record(0, DUE + 3 * DAY), DUE + 3 * DAY],
    ["an hour after a look for almost a week", page(DUE + 7 * DAY - 1), undefined, DUE + 7 * DAY - 1 + HOUR],
    ["6 h after a look a week later", page(DUE + 7 * DAY), undefined, DUE + 7 * DAY + 6 * HOUR],
    ["a day after its own fetch a week later", page(DUE + 7 * DAY), record(0, DUE + 8 * DAY), DUE + 8 * DAY],
    ["the publication of the row after the missing one", page(NEXT_DUE - HOUR), undefined, NEXT_DUE],
    ["15 min after a look at that", page(NEXT_DUE), undefined, NEXT_DUE + 15 * MINUTE],
    [
      "6 h after a look a week after that",
      page(NEXT_DUE + 7 * DAY),
      undefined,
      NEXT_DUE + 7 * DAY + 6 * HOUR,
    ],
    [
      "the publication of the monthly row",
      page(NEXT_DUE - HOUR, APRIL),
      record(0, NEXT_DUE - HOUR, APRIL, 2),
      NEXT_DUE,
    ],
    [
      "6 h, past a publication between monthly rows",
      page(DUE - HOUR, APRIL),
      record(0, DUE - HOUR, APRIL, 2),
      DUE + 5 * HOUR,
    ],
  ])("is %s", (_, facts, publication, expected) => {
    expect(freshUntil(facts, publication) - facts.fetchedAt).toBe(expected - facts.fetchedAt);
  });

  it("does not differ for another date of the same period", () => {
    const nominal = record(0, DUE - DAY, timestampOf("US", "2026-05-31"));
    const settled = page(DUE - DAY, MAY);
    expect(freshUntil(settled, nominal)).toBe(DUE - DAY + 6 * HOUR);
  });
});

describe("freshUntil of a page that is behind its market", () => {
  const seenAt = DUE - 3 * DAY;
  const market = (checkedAt: number, newest = MID_MAY) => record(seenAt, checkedAt, newest);
  it.each([
    ["the time at which the row appeared", page(seenAt - HOUR), market(seenAt), seenAt],
    ["its own expiry, if that is sooner", page(seenAt - DAY), market(seenAt), seenAt - DAY + 6 * HOUR],
    ["15 min after its fetch at first", page(seenAt + MINUTE), market(seenAt), seenAt + 16 * MINUTE],
    ["twice the time since then", page(seenAt + HOUR / 2), market(seenAt), seenAt + HOUR],
    ["an hour after its fetch", page(seenAt + 6 * DAY), market(seenAt), seenAt + 6 * DAY + HOUR],
    [
      "a day after its fetch, a week after its publication",
      page(DUE + 7 * DAY),
      market(DUE + 8 * DAY),
      DUE + 8 * DAY,
    ],
    [
      "a day at most, if it lacks more than one row",
      page(seenAt + 2 * DAY, MARCH),
      market(seenAt + 3 * DAY),
      seenAt + 3 * DAY,
    ],
    [
      "15 min after its fetch at first, if it lacks more than one row",
      page(seenAt + MINUTE, MARCH),
      market(seenAt),
      seenAt + 16 * MINUTE,
    ],
    [
      "a day at most, if it has no row",
      page(seenAt + 2 * DAY, 0),
      market(seenAt + 3 * DAY),
      seenAt + 3 * DAY,
    ],
    [
      "the next publication of the market, if that is sooner",
      page(NEXT_DUE - HOUR, MARCH),
      market(NEXT_DUE - HOUR),
      NEXT_DUE,
    ],
    [
      "the publication of its own next row, if that is sooner",
      page(DUE - 10 * MINUTE),
      market(DUE - 10 * MINUTE, MAY),
      DUE,
    ],
    [
      "15 min after its fetch at that publication, if it lacks more than one row",
      page(DUE),
      market(DUE, MAY),
      DUE + 15 * MINUTE,
    ],
    [
      "6 h after the last look at the market",
      page(seenAt + 2 * DAY, MARCH),
      market(seenAt),
      seenAt + 2 * DAY + 6 * HOUR,
    ],
  ])("is %s", (_, facts, publication, expected) => {
    expect(freshUntil(facts, publication) - seenAt).toBe(expected - seenAt);
  });
});

describe("freshUntil of another page", () => {
  it.each([
    ["a week for an older page", { ...page(DUE), cursor: "1777000000" }, record(DUE, DUE, MAY), 7 * DAY],
    ["6 h for a page without rows in an unknown market", page(DUE, 0), undefined, 6 * HOUR],
    ["as without a record for a page that is newer", page(DUE - DAY, MAY), record(0, DUE), 6 * HOUR],
    ["as without a record if that has no date", page(DUE - DAY), record(0, DUE, 9e12), 6 * HOUR],
  ])("is %s", (_, facts, publication, freshMs) => {
    expect(freshUntil(facts, publication) - facts.fetchedAt).toBe(freshMs);
  });

  it.each([-1, 0.5, 1e10, 1e18, Number.NaN, Number.POSITIVE_INFINITY, DUE / 1_000 + 2 * 86_400])(
    "is 6 h for the invalid timestamp %s",
    (newest) => {
      expect(freshUntil(page(DUE, newest), undefined)).toBe(DUE + 6 * HOUR);
      expect(freshUntil(page(DUE, newest), record(DUE, DUE))).toBe(DUE + 6 * HOUR);
    },
  );
});

describe("staleUntil", () => {
  it.each([
    ["", 8 * DAY],
    ["1777000000", 14 * DAY],
  ])("of the page with cursor '%s' is a week after the longest time that it is fresh", (cursor, ms) => {
    expect(staleUntil(cursor, DUE)).toBe(DUE + ms);
  });
});

describe("publicationAfterFetch", () => {
  const recordAfter = (previous: Publication | undefined, rows: readonly number[], fetchedAt: number) =>
    publicationAfterFetch(previous, "US", rows, fetchedAt);
  const known = record(DUE - DAY, DUE - DAY);

  it("begins a record with the newest row, in any order of rows", () => {
    expect(recordAfter(undefined, [MID_APRIL, APRIL], DUE)).toEqual(record(0, DUE));
  });

  it("replaces the record if the page has a newer row", () => {
    expect(recordAfter(known, [MID_MAY, APRIL], DUE)).toEqual(record(DUE, DUE, MID_MAY));
  });

  it("confirms the record 5 min after the last confirmation, and not sooner", () => {
    const at = known.checkedAt + 5 * MINUTE;
    expect(recordAfter(known, [APRIL, MID_APRIL], at)).toEqual({ ...known, checkedAt: at });
    expect(recordAfter(known, [APRIL, MID_APRIL], at - 1)).toBe(known);
    expect(recordAfter(known, [APRIL, MID_APRIL], known.checkedAt - HOUR)).toBe(known);
  });

  it("confirms the record sooner if an expected publication has passed since", () => {
    const before = record(DUE - DAY, DUE - 1);
    expect(recordAfter(before, [APRIL], DUE)).toEqual({ ...before, checkedAt: DUE });
  });

  it.each([
    ["has no row", []],
    ["is behind", [MID_APRIL, MARCH]],
    ["has invalid timestamps only", [0, -5, 1e12, Number.NaN, DUE / 1_000 + 2 * 86_400]],
  ])("does not change the record if the page %s", (_, rows) => {
    expect(recordAfter(known, rows, DUE)).toBe(known);
  });

  it("is undefined if no page has a row", () => {
    expect(recordAfter(undefined, [], DUE)).toBeUndefined();
  });

  it("ignores an invalid timestamp beside others, and replaces an invalid record", () => {
    expect(recordAfter(undefined, [1e12, APRIL], DUE)).toEqual(record(0, DUE));
    expect(recordAfter(record(DUE, DUE, 9e12), [APRIL], DUE)).toEqual(record(0, DUE));
  });

  it.each([
    ["1 for a single row", undefined, [APRIL], 1],
    ["2 for monthly rows", undefined, [APRIL, MARCH], 2],
    ["2 for rows that are farther apart", undefined, [MAY, MARCH, timestampOf("US", "2025-12-31")], 2],
    [
      "1 if one of the newest four rows is a period apart",
      undefined,
      [MAY, APRIL, MARCH, timestampOf("US", "2026-03-13")],
      1,
    ],
    [
      "2 if only older rows are a period apart",
      undefined,
      [MAY, APRIL, MARCH, timestampOf("US", "2026-02-27"), timestampOf("US", "2026-02-13")],
      2,
    ],
    ["1 if the row before the new one was the market's", record(0, 0, MID_MAY), [MAY, APRIL, MARCH], 1],
    ["1 if another page has rows in each period", record(0, DUE, APRIL, 2), [APRIL, MID_APRIL], 1],
    ["1 if it was, and another page has monthly rows", record(0, DUE, APRIL, 1), [APRIL, MARCH], 1],
  ])("has the step %s", (_, previous, rows, step) => {
    expect(recordAfter(previous, rows, DUE + 10 * DAY)?.step).toBe(step);
  });
});

describe("revalidateAfter", () => {
  const fresh = { fetchedAt: DUE, freshUntil: DUE + 6 * HOUR, staleUntil: DUE + 8 * DAY };
  const shortLived = { fetchedAt: DUE, freshUntil: DUE + 10 * MINUTE, staleUntil: DUE + 10 * MINUTE };
  const stale = (ms: number) => fresh.freshUntil + ms;
  it.each([
    ["55 min of a fresh copy", fresh, DUE, 0, 0, 55 * MINUTE],
    ["up to 5 min less, at random", fresh, DUE, 0, 1, 50 * MINUTE],
    ["until it is stale", fresh, stale(-10 * MINUTE), 0, 0, 10 * MINUTE],
    ["up to a minute more, at random", fresh, stale(-10 * MINUTE), 0, 1, 11 * MINUTE],
    ["5 min of a short-lived copy", shortLived, DUE, 0, 1, 5 * MINUTE],
    ["until that expires, and not longer", shortLived, DUE + 9 * MINUTE, 0, 1, MINUTE],
    ["10 s of a copy that has just become stale", fresh, stale(0), 0, 0, 10 * SECOND],
    ["up to twice that, at random", fresh, stale(0), 0, 1, 20 * SECOND],
    ["a tenth of the staleness", fresh, stale(50 * MINUTE), 0, 0, 5 * MINUTE],
    ["half an hour at most", fresh, stale(DAY), 0, 0, 30 * MINUTE],
    ["a stale copy while the page cannot be fetched", fresh, stale(1), 5 * MINUTE, 0, 5 * MINUTE],
    ["up to a minute more than that, at random", fresh, stale(1), 5 * MINUTE, 1, 6 * MINUTE],
  ])("trusts %s", (_, copy, now, waitMs, random, trustMs) => {
    expect(revalidateAfter(copy, now, waitMs, random) - now).toBe(trustMs);
  });

  it("together with the grace period makes a purge effective within an hour", () => {
    expect(revalidateAfter(fresh, DUE, 0, 0) + freshnessPolicy.graceMs - DUE).toBe(HOUR);
  });
});
