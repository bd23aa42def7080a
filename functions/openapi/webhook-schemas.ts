import { PUBLISHED, TEST } from "../webhooks/messages.ts";
import { anyRow, MARKETS, nullable, object, ref, type Schema } from "./schemas.ts";

/** JSON Schemas of webhooks and of the messages that they send. */

const text = { type: "string" };
const id = { ...text, description: "ID of the webhook." };
const seconds = (description: string): Schema => ({ type: "integer", description });
const secondsOrNull = (description: string): Schema => ({ type: ["integer", "null"], description });
const secret = { ...text, description: "Signing secret. Only the response that sets it has it." };
const reason = {
  enum: ["paused", "gone", "failing", "revoked", null],
  description:
    "Why the webhook is inactive. paused: by its owner; gone: the endpoint answered 410; failing: every delivery failed for five days; revoked: the API key of its owner was removed. null if active.",
};

const webhook = {
  id,
  url: { ...text, format: "uri" },
  symbols: { type: "array", items: text },
  description: text,
  active: { type: "boolean", description: "Whether the webhook sends messages." },
  reason,
  failing_since: secondsOrNull(
    "Time since which all attempts have failed, Unix time in seconds; null if the last attempt succeeded.",
  ),
  created_at: seconds("Time of creation, Unix time in seconds."),
};
const symbolStatus = object({
  symbol: text,
  newest_timestamp: secondsOrNull("Timestamp of the newest known row; null if unknown."),
  checked_at: secondsOrNull("Time of the last check, Unix time in seconds; null before the first check."),
  error: {
    type: ["string", "null"],
    description: "Error code of the last check; null if it succeeded.",
  },
});
const delivery = object({
  id: { ...text, description: "webhook-id of the message." },
  type: { enum: [PUBLISHED, TEST] },
  symbol: { type: ["string", "null"], description: "Symbol; null for a test message." },
  attempted_at: seconds("Time of the attempt, Unix time in seconds."),
  status: { type: ["integer", "null"], description: "HTTP status of the endpoint; null without a response." },
  error: {
    enum: ["timeout", "unreachable", "forbidden_url", "revoked", null],
    description: "Why there was no response; null if there was one.",
  },
  duration_ms: { type: "integer", description: "Duration of the attempt." },
  next_attempt_at: secondsOrNull("Time of the next attempt, Unix time in seconds; null if there is none."),
});
const eventType = object({
  type: { ...text, description: "Member type of the message." },
  description: text,
  schema: { type: "object", description: "JSON Schema (2020-12) of the message's body, with an example." },
});
const message = (type: string, data: Schema) =>
  object({ type: { const: type }, timestamp: { ...text, format: "date-time" }, data });

export const WEBHOOK_SCHEMAS: Readonly<Record<string, Schema>> = {
  Webhook: object(webhook),
  WebhookWithSecret: object({ ...webhook, secret }),
  WebhookDetails: object({
    ...webhook,
    symbol_status: { type: "array", items: symbolStatus, description: "Status of each symbol." },
  }),
  Webhooks: object({ items: { type: "array", items: ref("Webhook") } }),
  RotatedSecret: object({
    id,
    secret,
    old_secrets_expire_at: secondsOrNull(
      "Time until which the previous secrets sign as well, Unix time in seconds; null if they are revoked.",
    ),
  }),
  Replay: object({
    messages: { type: "integer", description: "Number of messages that are sent." },
    has_more: { type: "boolean", description: "Whether another replay would send more messages." },
  }),
  EventTypes: object({ items: { type: "array", items: eventType } }),
  Delivery: { ...delivery, description: "An attempt to deliver a message." },
  Deliveries: object({ items: { type: "array", items: ref("Delivery") } }),
  PublishedMessage: message(
    PUBLISHED,
    object({
      symbol: text,
      market: MARKETS,
      row: anyRow,
      previous: { ...nullable(anyRow), description: "The previous row; null if there is none." },
    }),
  ),
  TestMessage: message(TEST, object({ webhook: id })),
};
