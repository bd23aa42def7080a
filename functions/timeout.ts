import { Failure } from "./errors.ts";

/** How long each step may take, in milliseconds. Tests pass shorter ones. */
export const DEADLINES = {
  /** A whole request, whatever it waits for. */
  request: 15_000,
  /** The WebSocket upgrade at OpenD's address. */
  connect: 5_000,
  /** InitWebSocket, from sending it to its reply. */
  login: 5_000,
  /** One call, from sending it to its reply. */
  call: 5_000,
  /** One question to Upstash. */
  upstash: 3_000,
  /** One try to send a message to a receiver. */
  receiver: 15_000,
} as const;

export type Deadlines = { readonly [step in keyof typeof DEADLINES]: number };

/** The failure of a request whose deadline of `timeoutMs` milliseconds passed. */
export function requestTimeout(timeoutMs: number): Failure {
  return new Failure("request_timeout", `The request exceeded its deadline of ${timeoutMs / 1_000} s`);
}

/**
 * Runs `work` for at most `ms` milliseconds. When time is up, `work`'s signal aborts and `late()` is
 * thrown at once, whether or not `work` heeds the signal. When `outer` aborts first, its reason is thrown.
 */
export async function withTimeout<T>(
  ms: number,
  late: () => Failure,
  work: (signal: AbortSignal) => Promise<T>,
  outer?: AbortSignal,
): Promise<T> {
  outer?.throwIfAborted();
  const ending = new AbortController();
  const ended = new Promise<never>((_, reject) => {
    ending.signal.addEventListener("abort", () => reject(ending.signal.reason), { once: true });
  });
  const follow = () => ending.abort(outer?.reason);
  const timer = setTimeout(() => ending.abort(late()), ms);
  outer?.addEventListener("abort", follow, { once: true });
  try {
    return await Promise.race([work(ending.signal), ended]);
  } finally {
    clearTimeout(timer);
    outer?.removeEventListener("abort", follow);
  }
}

/** @throws whatever `signal` aborts with, as soon as it does */
export function delay(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}
