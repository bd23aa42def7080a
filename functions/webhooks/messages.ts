import { object, optional, parse, string } from "valibot";
import { rowObject, stringify } from "../short-interest/json.ts";
import type { Page } from "../short-interest/page.ts";
import { formatSymbol, type SecuritySymbol } from "../short-interest/symbol.ts";
import type { Attempt, RetryDecision } from "./retry-policy.ts";

/** Webhook messages, and their entries in the delivery log. */

export const PUBLISHED = "short_interest.published";
export const TEST = "webhook.test";

/** A message. All attempts to send it have the same ID and body. */
export interface WebhookMessage {
  /** Sent as `webhook-id`. Contains no full stop, because the signed content is `id.timestamp.body`. */
  readonly id: string;
  readonly body: string;
}

/**
 * The message about the first row of a page. Its ID is a digest of symbol and row, so that pollers that see the same
 * row create the same ID.
 * @param now Unix time, milliseconds
 */
export async function publishedMessage(
  symbol: SecuritySymbol,
  { rows }: Page,
  now: number,
): Promise<WebhookMessage> {
  const [row, previous] = rows;
  const name = formatSymbol(symbol);
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`${name} ${row?.timestamp}`));
  const data = {
    symbol: name,
    market: symbol.market,
    row: row ? rowObject(symbol.market, row) : null,
    previous: previous ? rowObject(symbol.market, previous) : null,
  };
  return { id: `msg_${new Uint8Array(digest).slice(0, 16).toHex()}`, body: bodyOf(PUBLISHED, data, now) };
}

/**
 * A message that verifies the receiver of a webhook.
 * @param now Unix time, milliseconds
 */
export function testMessage(webhookId: string, now: number): WebhookMessage {
  const id = `msg_${crypto.randomUUID().replaceAll("-", "")}`;
  return { id, body: bodyOf(TEST, { webhook: webhookId }, now) };
}

function bodyOf(type: string, data: object, now: number): string {
  return stringify({ type, timestamp: new Date(now).toISOString(), data });
}

const Body = object({ type: string(), data: object({ symbol: optional(string()) }) });

/** The delivery log entry of an attempt, as JSON for storage and API. Times are Unix times in seconds. */
export function logEntry(
  { id, body }: WebhookMessage,
  attempt: Attempt,
  { retryAt }: Pick<RetryDecision, "retryAt">,
): string {
  const { type, data } = parse(Body, JSON.parse(body));
  return stringify({
    id,
    type,
    symbol: data.symbol ?? null,
    attempted_at: Math.floor(attempt.startedAt / 1_000),
    status: attempt.status,
    error: attempt.error,
    duration_ms: attempt.durationMs,
    next_attempt_at: retryAt === null ? null : Math.ceil(retryAt / 1_000),
  });
}
