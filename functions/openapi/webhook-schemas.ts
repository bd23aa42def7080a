import { PUBLISHED, TEST } from "../webhooks/messages.ts";
import { anyRow, MARKETS, nullable, object, ref, type Schema } from "./schemas.ts";

/** JSON Schemas of webhooks, and of what receivers are sent. */

const text = { type: "string" };
const id = { ...text, description: "Names the webhook." };
const seconds = (description: string): Schema => ({ type: "integer", description });
const secondsOrNull = (description: string): Schema => ({ type: ["integer", "null"], description });
const secret = { ...text, description: "What messages are signed with. It is not shown again." };
const reason = {
  enum: ["paused", "gone", "failing", "revoked", null],
  description:
    "Why nothing is sent: its owner wants it so, its receiver has answered 410, has failed for five days, or its owner's key was taken away.",
};

const webhook = {
  id,
  url: { ...text, format: "uri" },
  symbols: { type: "array", items: text },
  description: text,
  active: { type: "boolean", description: "Whether messages are sent." },
  reason,
  failing_since: secondsOrNull(
    "Since when every try has failed, Unix time; null where the last one has not.",
  ),
  created_at: seconds("Unix time."),
};
const symbolStatus = object({
  symbol: text,
  newest_timestamp: secondsOrNull("Timestamp of the newest row that was seen."),
  checked_at: secondsOrNull("When it was looked at, Unix time; null where it has not been yet."),
  error: {
    type: ["string", "null"],
    description: "The code of what stood in the way; null where nothing did.",
  },
});
const delivery = object({
  id: { ...text, description: "Of the message: its webhook-id." },
  type: { enum: [PUBLISHED, TEST] },
  symbol: { type: ["string", "null"] },
  attempted_at: seconds("When it was tried, Unix time."),
  status: { type: ["integer", "null"], description: "Of the receiver's answer; null where there was none." },
  error: {
    enum: ["timeout", "unreachable", "forbidden_url", "revoked", null],
    description: "Why there was no answer.",
  },
  duration_ms: { type: "integer" },
  next_attempt_at: secondsOrNull("When it is tried again, Unix time; null where it is not."),
});
const message = (type: string, data: Schema) =>
  object({ type: { const: type }, timestamp: { ...text, format: "date-time" }, data });

export const WEBHOOK_SCHEMAS: Readonly<Record<string, Schema>> = {
  Webhook: object(webhook),
  WebhookWithSecret: object({ ...webhook, secret }),
  WebhookDetails: object({
    ...webhook,
    symbol_status: { type: "array", items: symbolStatus, description: "What is known of its symbols." },
  }),
  Webhooks: object({ items: { type: "array", items: ref("Webhook") } }),
  RotatedSecret: object({
    id,
    secret,
    old_secrets_expire_at: secondsOrNull(
      "Until when the older ones sign as well, Unix time; null where they are revoked.",
    ),
  }),
  Delivery: { ...delivery, description: "A try to send a message." },
  Deliveries: object({ items: { type: "array", items: ref("Delivery") } }),
  PublishedMessage: message(
    PUBLISHED,
    object({
      symbol: text,
      market: MARKETS,
      row: anyRow,
      previous: { ...nullable(anyRow), description: "The row before." },
    }),
  ),
  TestMessage: message(TEST, object({ webhook: id })),
};
