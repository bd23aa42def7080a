import { Webhook } from "standardwebhooks";
import { vi } from "vitest";
import type { ReceivedRequest } from "../stand-ins/receiver.ts";

/** Verifies a message at the time of its sending, as a receiver would. Throws where it is not what was signed. */
export function verify(
  { headers, body }: Pick<ReceivedRequest, "headers" | "body">,
  secret: string,
): unknown {
  const texts = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
  vi.useFakeTimers({ toFake: ["Date"], now: Number(headers["webhook-timestamp"]) * 1_000 });
  try {
    return new Webhook(secret).verify(body, texts);
  } finally {
    vi.useRealTimers();
  }
}
