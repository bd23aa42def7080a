import { Failure } from "./errors.ts";

/** Deadlines in milliseconds. Tests pass shorter ones. */
export const DEADLINES = {
  /**
   * A request. Three timers use it, one inside the other, because each one's work can outlive the work around it:
   * a page with all its lookups (`page-source/page-source.ts`); a lookup, which other requests may join later
   * (`page-source/lookup.ts`); and a fetch, whose reply is stored even if no request waits for it any more
   * (`page-source/upstream.ts`). A revalidation uses it too, because the lookup that it joins may never settle. It is
   * also how long a lease lasts.
   */
  request: 15_000,
  /** The WebSocket upgrade at OpenD's address. */
  connect: 5_000,
  /** InitWebSocket, until its reply. */
  login: 5_000,
  /** A call, until its reply. Also part of `maxInFlightMs`: how long a permit without a reply counts as in flight. */
  call: 5_000,
  /** One command or pipeline of Upstash Redis. */
  upstash: 3_000,
  /** One attempt to deliver a webhook message. */
  receiver: 15_000,
} as const;

export type Deadlines = { readonly [step in keyof typeof DEADLINES]: number };

/** The failure of a request whose deadline of `timeoutMs` milliseconds passed. */
export function requestTimeout(timeoutMs: number): Failure {
  return new Failure("request_timeout", `The request exceeded its deadline of ${timeoutMs / 1_000} s`);
}

/**
 * Runs `work` for at most `timeoutMs` milliseconds. Then the signal of `work` aborts, and `timeoutError()` is thrown
 * at once, even if `work` ignores the signal. If `outer` aborts first, its reason is thrown.
 */
export async function withTimeout<T>(
  timeoutMs: number,
  timeoutError: () => Failure,
  work: (signal: AbortSignal) => Promise<T>,
  outer?: AbortSignal,
): Promise<T> {
  outer?.throwIfAborted();
  const controller = new AbortController();
  const aborted = Promise.withResolvers<never>();
  const end = (reason: unknown) => {
    aborted.reject(reason);
    controller.abort(reason);
  };
  const abort = () => end(outer?.reason);
  const timer = setTimeout(() => end(timeoutError()), timeoutMs);
  outer?.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([work(controller.signal), aborted.promise]);
  } finally {
    clearTimeout(timer);
    outer?.removeEventListener("abort", abort);
  }
}

/**
 * Waits for `durationMs` milliseconds.
 * @throws the reason of `signal`, as soon as it aborts
 */
export function delay(durationMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    }, durationMs);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
}
