import { Webhook } from "standardwebhooks";
import { vi } from "vitest";
import type { ReceivedRequest } from "../stand-ins/receiver.ts";

/** Verifies a message as a receiver would, with the clock at its `webhook-timestamp`. @throws if it is invalid */
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
