import { Redis } from "@upstash/redis/cloudflare";
import { within } from "./deadline.ts";
import { Failure } from "./failure.ts";

export interface UpstashAddress {
  readonly url: string;
  readonly token: string;
}

/** Upstash, asked with a deadline. */
export interface Upstash {
  /**
   * Runs one question.
   * @throws Failure `limiter_unavailable` whatever goes wrong: the client's own messages hold the whole
   *   command, and are dropped here
   */
  ask<T>(question: (redis: Redis) => Promise<T>): Promise<T>;
}

/** @param ms how long one question may take, retries and all */
export function createUpstash(address: UpstashAddress, ms: number): Upstash {
  const redis = new Redis({
    ...address,
    // Retrying is left to clients: a limiter that hangs must fail closed, and soon.
    retry: { retries: 0 },
    // A function: a signal that is already there would turn an abort into a made-up answer.
    signal: () => AbortSignal.timeout(ms),
    // Strings stay strings.
    automaticDeserialization: false,
    responseEncoding: false,
    enableAutoPipelining: false,
    readYourWrites: false,
    enableTelemetry: false,
  });
  const unavailable = () =>
    new Failure("limiter_unavailable", "The store of the global limit cannot be asked");
  return {
    async ask(question) {
      try {
        return await within(ms, unavailable, () => question(redis));
      } catch {
        throw unavailable();
      }
    },
  };
}
