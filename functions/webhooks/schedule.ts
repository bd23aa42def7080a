import { type InferOutput, nullable, number, object, picklist } from "valibot";

/** What follows a try to send a message. */

/** How a try went. Times are in milliseconds. */
export interface Try {
  /** Unix time. */
  readonly at: number;
  readonly milliseconds: number;
  /** The status of the answer; null where there was none. */
  readonly status: number | null;
  /** Why there was no answer. */
  readonly error: "timeout" | "unreachable" | "refused_address" | "revoked" | null;
  /** For how long the receiver wants to be left alone. */
  readonly retryAfterMs?: number | undefined;
}

export function isSuccess({ status }: Pick<Try, "status">): boolean {
  return status !== null && status >= 200 && status < 300;
}

/**
 * Why a webhook is not active: its owner says so, its receiver has answered 410, or nothing but failures for days, or
 * its owner's key is no longer one.
 */
export const Reason = picklist(["paused", "gone", "failing", "revoked"]);
export type Reason = InferOutput<typeof Reason>;

/** What comes next. */
export const Next = object({
  outcome: picklist(["delivered", "later", "given_up"]),
  /** When the next try is due (Unix time, milliseconds); null where there is none. */
  dueAt: nullable(number()),
  /** Why the webhook ends, where it does. */
  ends: nullable(Reason),
});
export type Next = InferOutput<typeof Next>;

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** How long to wait after each try but the last, as Standard Webhooks has it. */
export const PAUSES: readonly number[] = [
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
/** Up to this part is added, so that those who failed together do not come back together. */
const JITTER = 0.1;
const LONGEST_RETRY_AFTER = DAY;
/** Who has answered nothing well for as long is not sent to any more. */
const FAILING_FOR = 5 * DAY;

/**
 * @param tries tries before this one
 * @param failingSince when the subscription began to fail (Unix time, milliseconds); undefined where it does not
 * @param random from 0 to 1
 */
export function nextAfter(
  { at, milliseconds, status, retryAfterMs = 0 }: Try,
  tries: number,
  failingSince: number | undefined,
  random: number,
): Next {
  if (isSuccess({ status })) return { outcome: "delivered", dueAt: null, ends: null };
  if (status === 410) return { outcome: "given_up", dueAt: null, ends: "gone" };
  const now = at + milliseconds;
  if (now - (failingSince ?? now) >= FAILING_FOR)
    return { outcome: "given_up", dueAt: null, ends: "failing" };
  const pause = PAUSES[tries];
  if (pause === undefined) return { outcome: "given_up", dueAt: null, ends: null };
  const wished = Math.min(retryAfterMs, LONGEST_RETRY_AFTER);
  return { outcome: "later", dueAt: now + Math.max(pause * (1 + JITTER * random), wished), ends: null };
}

/**
 * The milliseconds that a Retry-After asks for.
 * @param now Unix time, milliseconds
 */
export function retryAfterOf(header: string | null, now: number): number | undefined {
  if (header === null) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * SECOND;
  // Some things that are no dates would be read as one.
  const date = /^[A-Z]/.test(header) ? Date.parse(header) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
