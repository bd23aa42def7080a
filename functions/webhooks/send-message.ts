import { Failure } from "../errors.ts";
import { withTimeout } from "../timeout.ts";
import { type EndpointRules, parseEndpoint } from "./endpoint-url.ts";
import type { WebhookMessage } from "./messages.ts";
import { type Attempt, parseRetryAfter } from "./retry-policy.ts";
import { signedHeaders } from "./signature.ts";

/** A message with its destination. */
export interface OutgoingMessage {
  readonly url: string;
  readonly message: WebhookMessage;
  /** Decrypted signing secrets; each of them signs. */
  readonly secrets: readonly string[];
}

/**
 * Sends a message once. A failure is returned, not thrown.
 * @param timeoutMs until the receiver must have sent its response headers
 * @param now Unix time, milliseconds
 */
export async function sendMessage(
  outgoing: OutgoingMessage,
  rules: EndpointRules,
  timeoutMs: number,
  now: () => number,
): Promise<Attempt> {
  const startedAt = now();
  const ended = (outcome: Pick<Attempt, "status" | "error" | "retryAfterMs">): Attempt => ({
    startedAt,
    durationMs: now() - startedAt,
    ...outcome,
  });
  let url: URL;
  try {
    url = parseEndpoint(outgoing.url, rules);
  } catch {
    return ended({ status: null, error: "forbidden_url" });
  }
  const headers = {
    "Content-Type": "application/json",
    "User-Agent": "short-interest-edge",
    ...(await signedHeaders(outgoing.message, Math.floor(startedAt / 1_000), outgoing.secrets)),
  };
  const timeout = () => new Failure("internal", "The receiver did not respond in time");
  try {
    const response = await withTimeout(timeoutMs, timeout, (signal) =>
      // Redirects are not followed: they would bypass the endpoint rules.
      fetch(url, { method: "POST", headers, body: outgoing.message.body, redirect: "manual", signal }),
    );
    // The body is not read, because it may be endless.
    response.body?.cancel().catch(() => undefined);
    const retryAfterMs = parseRetryAfter(response.headers.get("Retry-After"), now());
    return ended({ status: response.status, error: null, retryAfterMs });
  } catch (thrown) {
    return ended({ status: null, error: thrown instanceof Failure ? "timeout" : "unreachable" });
  }
}
