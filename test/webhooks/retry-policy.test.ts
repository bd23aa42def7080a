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
const attempt = (status: number | null, more: Partial<Attempt> = {}): Attempt => ({
  startedAt: NOW,
  durationMs: 0,
  status,
  error: status === null ? "unreachable" : null,
  ...more,
});

describe("decideRetry", () => {
  it.each([200, 201, 202, 204, 299])("returns delivered for status %d", (status) => {
    expect(decideRetry(attempt(status), 0, undefined, 0)).toEqual({
      outcome: "delivered",
      retryAt: null,
      disableReason: null,
    });
  });

  it.each([null, 100, 199, 300, 301, 302, 304, 307, 400, 401, 404, 408, 409, 429, 500, 503])(
    "retries after status %s",
    (status) => {
      expect(decideRetry(attempt(status), 0, undefined, 0)).toEqual({
        outcome: "retry",
        retryAt: NOW + 5_000,
        disableReason: null,
      });
    },
  );

  it("disables the webhook after 410", () => {
    expect(decideRetry(attempt(410), 0, undefined, 0)).toEqual({
      outcome: "abandoned",
      retryAt: null,
      disableReason: "gone",
    });
  });

  it("follows the schedule of Standard Webhooks, plus up to 10 % jitter", () => {
    expect(RETRY_SCHEDULE.map((delayMs) => delayMs / 1_000)).toEqual([
      5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400,
    ]);
    for (const [attempts, delayMs] of RETRY_SCHEDULE.entries()) {
      expect(decideRetry(attempt(500), attempts, undefined, 0).retryAt).toBe(NOW + delayMs);
      expect(decideRetry(attempt(500), attempts, undefined, 1).retryAt).toBeCloseTo(NOW + delayMs * 1.1, 0);
    }
    expect(decideRetry(attempt(500), RETRY_SCHEDULE.length, undefined, 0)).toEqual({
      outcome: "abandoned",
      retryAt: null,
      disableReason: null,
    });
  });

  it("is based on a receiver timeout of 15 s", () => {
    expect(DEADLINES.receiver).toBe(15_000);
  });

  it("counts the delay from the end of the attempt", () => {
    expect(decideRetry(attempt(500, { durationMs: 15_000 }), 0, undefined, 0).retryAt).toBe(NOW + 20_000);
  });

  it("follows Retry-After up to a day, but never retries earlier than the schedule", () => {
    const dueAfter = (retryAfterMs: number) =>
      decideRetry(attempt(429, { retryAfterMs }), 0, undefined, 0).retryAt;
    expect([1_000, 60_000, 3 * DAY].map(dueAfter)).toEqual([NOW + 5_000, NOW + 60_000, NOW + DAY]);
  });

  it("disables a webhook after five days of failures", () => {
    const reasonAfter = (days: number, attempts: number) =>
      decideRetry(attempt(500), attempts, NOW - days * DAY, 0).disableReason;
    expect([reasonAfter(4.9, 9), reasonAfter(5, 9), reasonAfter(5, 8)]).toEqual([null, "failing", "failing"]);
  });
});

describe("parseRetryAfter", () => {
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
  ])("parses %j as %s ms", (header, expected) => {
    expect(parseRetryAfter(header, NOW)).toBe(expected);
  });
});
