import { type InferOutput, nullable, number, object, picklist } from "valibot";

/** Whether and when an attempt to send a message is repeated. */

/** The outcome of one HTTP request to a receiver. */
export interface Attempt {
  /** Unix time, milliseconds. */
  readonly startedAt: number;
  readonly durationMs: number;
  /** HTTP status of the response; null without a response. */
  readonly status: number | null;
  /** Why there was no response. */
  readonly error: "timeout" | "unreachable" | "forbidden_url" | "revoked" | null;
  /** The receiver's Retry-After, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
}

export function isSuccess({ status }: Pick<Attempt, "status">): boolean {
  return status !== null && status >= 200 && status < 300;
}

/**
 * Why a webhook is inactive: its owner paused it, its receiver responded with 410, all attempts failed for
 * `DISABLE_AFTER_MS`, or its owner's API key was removed.
 */
export const InactiveReason = picklist(["paused", "gone", "failing", "revoked"]);
export type InactiveReason = InferOutput<typeof InactiveReason>;

export const RetryDecision = object({
  outcome: picklist(["delivered", "retry", "abandoned"]),
  /** When the next attempt is due (Unix time, milliseconds); null without one. */
  retryAt: nullable(number()),
  /** Why the attempt disables the webhook; null if it does not. */
  disableReason: nullable(InactiveReason),
});
export type RetryDecision = InferOutput<typeof RetryDecision>;

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/**
 * Delay after each attempt except the last, in milliseconds. This is the schedule that Standard Webhooks recommends.
 * `MESSAGE_TTL_MS` must exceed its sum. Delays above the queue's maximum are split (`MAX_DELAY_S`).
 */
export const RETRY_SCHEDULE: readonly number[] = [
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
];
/** Up to this fraction is added to a delay, so that messages that failed together are not retried together. */
const MAX_JITTER = 0.1;
const MAX_RETRY_AFTER_MS = DAY;
/** A webhook is disabled after this long without a successful attempt. */
const DISABLE_AFTER_MS = 5 * DAY;

/**
 * Decides whether an attempt is repeated, and whether it disables the webhook.
 * @param previousAttempts attempts before this one
 * @param failingSince when the webhook started to fail (Unix time, milliseconds); undefined if it does not fail
 * @param random jitter, 0 to 1
 */
export function decideRetry(
  { startedAt, durationMs, status, retryAfterMs = 0 }: Attempt,
  previousAttempts: number,
  failingSince: number | undefined,
  random: number,
): RetryDecision {
  if (isSuccess({ status })) return { outcome: "delivered", retryAt: null, disableReason: null };
  if (status === 410) return { outcome: "abandoned", retryAt: null, disableReason: "gone" };
  const now = startedAt + durationMs;
  if (now - (failingSince ?? now) >= DISABLE_AFTER_MS) {
    return { outcome: "abandoned", retryAt: null, disableReason: "failing" };
  }
  const delayMs = RETRY_SCHEDULE[previousAttempts];
  if (delayMs === undefined) return { outcome: "abandoned", retryAt: null, disableReason: null };
  const requestedMs = Math.min(retryAfterMs, MAX_RETRY_AFTER_MS);
  const retryAt = now + Math.max(delayMs * (1 + MAX_JITTER * random), requestedMs);
  return { outcome: "retry", retryAt, disableReason: null };
}

/**
 * Parses a Retry-After header, in seconds or as an HTTP date.
 * @param now Unix time, milliseconds
 * @returns milliseconds; undefined if the header is absent or invalid
 */
export function parseRetryAfter(header: string | null, now: number): number | undefined {
  if (header === null) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * SECOND;
  // Date.parse() accepts more than HTTP dates, such as "-5".
  const date = /^[A-Z]/.test(header) ? Date.parse(header) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
