import { describe, expect, it } from "vitest";
import { DEADLINES } from "../../functions/timeout.ts";
import {
  type Attempt,
  decideRetry,
  parseRetryAfter,
  RETRY_SCHEDULE,
} from "../../functions/webhooks/retry-policy.ts";

const DAY = 86_400_000;
const NOW = 1_800_000_000_000;
const tried = (status: number | null, more: Partial<Attempt> = {}): Attempt => ({
  startedAt: NOW,
  durationMs: 0,
  status,
  error: status === null ? "unreachable" : null,
  ...more,
});

describe("what follows a try", () => {
  it.each([200, 201, 202, 204, 299])("is nothing after %d", (status) => {
    expect(decideRetry(tried(status), 0, undefined, 0)).toEqual({
      outcome: "delivered",
      retryAt: null,
      disableReason: null,
    });
  });

  it.each([null, 100, 199, 300, 301, 302, 304, 307, 400, 401, 404, 408, 409, 429, 500, 503])(
    "is another one after %s",
    (status) => {
      expect(decideRetry(tried(status), 0, undefined, 0)).toEqual({
        outcome: "retry",
        retryAt: NOW + 5_000,
        disableReason: null,
      });
    },
  );

  it("is the end of the webhook after 410", () => {
    expect(decideRetry(tried(410), 0, undefined, 0)).toEqual({
      outcome: "abandoned",
      retryAt: null,
      disableReason: "gone",
    });
  });

  it("follows the schedule of the standard, with jitter on top", () => {
    expect(RETRY_SCHEDULE.map((ms) => ms / 1_000)).toEqual([
      5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400,
    ]);
    for (const [tries, pause] of RETRY_SCHEDULE.entries()) {
      expect(decideRetry(tried(500), tries, undefined, 0).retryAt).toBe(NOW + pause);
      expect(decideRetry(tried(500), tries, undefined, 1).retryAt).toBeCloseTo(NOW + pause * 1.1, 0);
    }
    expect(decideRetry(tried(500), RETRY_SCHEDULE.length, undefined, 0)).toEqual({
      outcome: "abandoned",
      retryAt: null,
      disableReason: null,
    });
  });

  it("may take the receiver 15 s", () => {
    expect(DEADLINES.receiver).toBe(15_000);
  });

  it("counts from the end of the try", () => {
    expect(decideRetry(tried(500, { durationMs: 15_000 }), 0, undefined, 0).retryAt).toBe(NOW + 20_000);
  });

  it("waits as long as the receiver wants, up to a day, and never less than the schedule", () => {
    const dueAfter = (retryAfterMs: number) =>
      decideRetry(tried(429, { retryAfterMs }), 0, undefined, 0).retryAt;
    expect([1_000, 60_000, 3 * DAY].map(dueAfter)).toEqual([NOW + 5_000, NOW + 60_000, NOW + DAY]);
  });

  it("is the end of a webhook that has failed for five days", () => {
    const ends = (days: number, tries: number) =>
      decideRetry(tried(500), tries, NOW - days * DAY, 0).disableReason;
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
    expect(parseRetryAfter(header, NOW)).toBe(expected);
  });
});
