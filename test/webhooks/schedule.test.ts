import { describe, expect, it } from "vitest";
import { DEADLINES } from "../../functions/timeout.ts";
import { nextAfter, PAUSES, retryAfterOf, type Try } from "../../functions/webhooks/schedule.ts";

const DAY = 86_400_000;
const NOW = 1_800_000_000_000;
const tried = (status: number | null, more: Partial<Try> = {}): Try => ({
  at: NOW,
  milliseconds: 0,
  status,
  error: status === null ? "unreachable" : null,
  ...more,
});

describe("what follows a try", () => {
  it.each([200, 201, 202, 204, 299])("is nothing after %d", (status) => {
    expect(nextAfter(tried(status), 0, undefined, 0)).toEqual({
      outcome: "delivered",
      dueAt: null,
      ends: null,
    });
  });

  it.each([null, 100, 199, 300, 301, 302, 304, 307, 400, 401, 404, 408, 409, 429, 500, 503])(
    "is another one after %s",
    (status) => {
      expect(nextAfter(tried(status), 0, undefined, 0)).toEqual({
        outcome: "later",
        dueAt: NOW + 5_000,
        ends: null,
      });
    },
  );

  it("is the end of the webhook after 410", () => {
    expect(nextAfter(tried(410), 0, undefined, 0)).toEqual({
      outcome: "given_up",
      dueAt: null,
      ends: "gone",
    });
  });

  it("follows the schedule of the standard, with jitter on top", () => {
    expect(PAUSES.map((ms) => ms / 1_000)).toEqual([
      5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400,
    ]);
    for (const [tries, pause] of PAUSES.entries()) {
      expect(nextAfter(tried(500), tries, undefined, 0).dueAt).toBe(NOW + pause);
      expect(nextAfter(tried(500), tries, undefined, 1).dueAt).toBeCloseTo(NOW + pause * 1.1, 0);
    }
    expect(nextAfter(tried(500), PAUSES.length, undefined, 0)).toEqual({
      outcome: "given_up",
      dueAt: null,
      ends: null,
    });
  });

  it("may take the receiver 15 s", () => {
    expect(DEADLINES.receiver).toBe(15_000);
  });

  it("counts from the end of the try", () => {
    expect(nextAfter(tried(500, { milliseconds: 15_000 }), 0, undefined, 0).dueAt).toBe(NOW + 20_000);
  });

  it("waits as long as the receiver wants, up to a day, and never less than the schedule", () => {
    const dueAfter = (retryAfterMs: number) => nextAfter(tried(429, { retryAfterMs }), 0, undefined, 0).dueAt;
    expect([1_000, 60_000, 3 * DAY].map(dueAfter)).toEqual([NOW + 5_000, NOW + 60_000, NOW + DAY]);
  });

  it("is the end of a webhook that has failed for five days", () => {
    const ends = (days: number, tries: number) => nextAfter(tried(500), tries, NOW - days * DAY, 0).ends;
    expect([ends(4.9, 9), ends(5, 9), ends(5, 8)]).toEqual([null, "failing", "failing"]);
  });
});

describe("Retry-After", () => {
  it.each([
    [null, undefined],
    ["120", 120_000],
    ["0", 0],
    [new Date(NOW + 90_000).toUTCString(), 90_000],
    [new Date(NOW - 90_000).toUTCString(), 0],
    ["soon", undefined],
    ["-5", undefined],
    ["1e99", undefined],
    ["", undefined],
  ])("%j is %s milliseconds", (header, expected) => {
    expect(retryAfterOf(header, NOW)).toBe(expected);
  });
});
