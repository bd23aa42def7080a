import { Failure } from "../errors.ts";
import { withTimeout } from "../timeout.ts";
import { type EndpointRule, parseEndpoint } from "./endpoint.ts";
import type { Message } from "./messages.ts";
import { retryAfterOf, type Try } from "./schedule.ts";
import { signedHeaders } from "./signature.ts";

/** A message and where it goes. */
export interface Letter {
  readonly url: string;
  readonly message: Message;
  readonly secrets: readonly string[];
}

/**
 * Sends a message once. That it fails is an answer here.
 * @param ms how long the receiver may take to answer
 * @param now Unix time, milliseconds
 */
export async function send(letter: Letter, rule: EndpointRule, ms: number, now: () => number): Promise<Try> {
  const at = now();
  const ended = (rest: Pick<Try, "status" | "error" | "retryAfterMs">): Try => ({
    at,
    milliseconds: now() - at,
    ...rest,
  });
  let url: URL;
  try {
    url = parseEndpoint(letter.url, rule);
  } catch {
    return ended({ status: null, error: "refused_address" });
  }
  const timestamp = Math.floor(at / 1_000);
  const headers = {
    "Content-Type": "application/json",
    "User-Agent": "short-interest-edge",
    ...(await signedHeaders(letter.message, timestamp, letter.secrets)),
  };
  const late = () => new Failure("internal", "The receiver did not answer in time");
  try {
    const response = await withTimeout(ms, late, (signal) =>
      // A redirect is an answer like any other: following it would go around the rules for addresses.
      fetch(url, { method: "POST", headers, body: letter.message.body, redirect: "manual", signal }),
    );
    // What it says is nobody's business, and may be endless.
    response.body?.cancel().catch(() => undefined);
    const retryAfterMs = retryAfterOf(response.headers.get("Retry-After"), now());
    return ended({ status: response.status, error: null, retryAfterMs });
  } catch (thrown) {
    return ended({ status: null, error: thrown instanceof Failure ? "timeout" : "unreachable" });
  }
}
