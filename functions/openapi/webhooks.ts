import type * as v from "valibot";
import type { FailureCode } from "../errors.ts";
import { PUBLISHED, TEST } from "../webhooks/messages.ts";
import { NewSecret, NewWebhook, ReplayRequest, WebhookChanges } from "../webhooks/parameters.ts";
import { HEADERS, header, inFormat, parameter, problems, WITH_KEY } from "./building-blocks.ts";
import { eventTypes } from "./event-types.ts";
import { jsonSchemaOf, ref } from "./schemas.ts";

/** Operations on webhooks, and the messages that webhooks send. */

const ID = "wh_0f5c6ad0b1f64d5f9a53a8f4b7c1e2d3";
const MESSAGE_ID = "msg_9b2d5c1e8a7f4630b1c2d3e4f5a60718";
const SECRET = `whsec_${"c2hvcnQtaW50ZXJlc3QtZWRnZS1leGFtcGxlLTAxMjM="}`;

const text = { type: "string" };

const webhook = {
  id: ID,
  url: "https://example.com/short-interest",
  symbols: ["HK.00700"],
  description: "",
  active: true,
  reason: null,
  failing_since: null,
  created_at: 1779000000,
};
const delivery = {
  id: MESSAGE_ID,
  type: PUBLISHED,
  symbol: "HK.00700",
  attempted_at: 1779000300,
  status: 204,
  error: null,
  duration_ms: 84,
  next_attempt_at: null,
};

const COMMON: readonly FailureCode[] = [
  "unauthorized",
  "too_many_requests",
  "misconfigured",
  "internal",
  "store_unavailable",
];
const BODY: readonly FailureCode[] = [
  "invalid_parameter",
  "invalid_symbol",
  "unsupported_market",
  "content_too_large",
  "unsupported_media_type",
];

const CREATION: readonly FailureCode[] = [
  "unverified_endpoint",
  "limit_reached",
  "duplicate_webhook",
  "idempotency_key_in_use",
  "idempotency_key_reused",
];

const security = WITH_KEY;
const idParameter = parameter(
  "id",
  "path",
  { ...text, description: "ID of the webhook.", examples: [ID] },
  true,
);

const idempotencyKey = parameter(
  "Idempotency-Key",
  "header",
  {
    ...text,
    minLength: 1,
    maxLength: 255,
    description:
      "Identifies the request, for example a UUID. For 24 hours, a repeated request with the same key and body gets the first response again, with the secret. A failed request does not use up its key.",
    examples: ["5f0f9cd8-6c5b-4d0a-9a54-0c1a2f3d4e5b"],
  },
  false,
);

function bodyOf(schema: v.GenericSchema, example: object) {
  const json = jsonSchemaOf(schema, "input");
  return { required: true, content: Object.fromEntries([inFormat("json", json, example)]) };
}
function response(description: string, schema: string, example: object, more = {}) {
  const content = Object.fromEntries([inFormat("json", ref(schema), example)]);
  return { description, headers: { ...HEADERS, ...more }, content };
}

export const WEBHOOK_PATHS = {
  "/v1/webhooks": {
    post: {
      operationId: "createWebhook",
      tags: ["Webhooks"],
      summary: "Create a webhook",
      description:
        "Sends a message to url when a new row of one of the symbols is published. The endpoint must first answer a signed test message with 2xx within 15 s. Existing rows are not sent. An API key can have up to 20 webhooks.",
      security,
      parameters: [idempotencyKey],
      requestBody: bodyOf(NewWebhook, { url: webhook.url, symbols: webhook.symbols }),
      responses: {
        "201": response(
          "Webhook created",
          "WebhookWithSecret",
          { ...webhook, secret: SECRET },
          {
            Location: header("URL of the webhook."),
            "Idempotent-Replayed": header("true if this is the stored response of the first request.", false),
          },
        ),
        ...problems([...BODY, ...COMMON, ...CREATION]),
      },
    },
    get: {
      operationId: "listWebhooks",
      tags: ["Webhooks"],
      summary: "List webhooks",
      description: "Returns the webhooks that were created with the same API key.",
      security,
      responses: {
        "200": response("All webhooks of this key, oldest first", "Webhooks", { items: [webhook] }),
        ...problems(["invalid_parameter", ...COMMON]),
      },
    },
  },
  "/v1/webhooks/event-types": {
    get: {
      operationId: "listEventTypes",
      tags: ["Webhooks"],
      summary: "List the types of messages, with their JSON Schemas",
      description: "Each schema has no references, so that it is complete by itself.",
      security,
      responses: {
        "200": response("All types of messages", "EventTypes", eventTypes()),
        ...problems(["invalid_parameter", "unauthorized", "too_many_requests", "misconfigured", "internal"]),
      },
    },
  },
  "/v1/webhooks/{id}": {
    get: {
      operationId: "getWebhook",
      tags: ["Webhooks"],
      summary: "Get a webhook and the status of its symbols",
      description: "The status of a symbol has its newest known row and the last check for a newer one.",
      security,
      parameters: [idParameter],
      responses: {
        "200": response("The webhook", "WebhookDetails", {
          ...webhook,
          symbol_status: [
            { symbol: "HK.00700", newest_timestamp: 1777478400, checked_at: 1779000000, error: null },
          ],
        }),
        ...problems(["invalid_parameter", "not_found", ...COMMON]),
      },
    },
    patch: {
      operationId: "changeWebhook",
      tags: ["Webhooks"],
      summary: "Change, pause or resume a webhook",
      description:
        "If the URL changes or the webhook is resumed, the endpoint is verified with a test message first.",
      security,
      parameters: [idParameter],
      requestBody: bodyOf(WebhookChanges, { active: false }),
      responses: {
        "200": response("Webhook changed", "Webhook", { ...webhook, active: false, reason: "paused" }),
        ...problems([...BODY, ...COMMON, "unverified_endpoint", "not_found", "duplicate_webhook"]),
      },
    },
    delete: {
      operationId: "deleteWebhook",
      tags: ["Webhooks"],
      summary: "Delete a webhook",
      description: "Its undelivered messages are deleted as well.",
      security,
      parameters: [idParameter],
      responses: {
        "204": { description: "Webhook deleted", headers: HEADERS },
        ...problems(["invalid_parameter", "not_found", ...COMMON]),
      },
    },
  },
  "/v1/webhooks/{id}/rotate": {
    post: {
      operationId: "rotateSecret",
      tags: ["Webhooks"],
      summary: "Rotate the signing secret",
      description:
        "For one day, messages are also signed with the previous secrets. With revoke, the previous secrets are revoked at once: use it after a leak. At most 4 secrets can sign at a time.",
      security,
      parameters: [idParameter],
      requestBody: { ...bodyOf(NewSecret, { revoke: true }), required: false },
      responses: {
        "200": response("The new secret", "RotatedSecret", {
          id: ID,
          secret: SECRET,
          old_secrets_expire_at: null,
        }),
        ...problems([
          "invalid_parameter",
          "unsupported_media_type",
          "content_too_large",
          "limit_reached",
          "not_found",
          ...COMMON,
        ]),
      },
    },
  },
  "/v1/webhooks/{id}/test": {
    post: {
      operationId: "testWebhook",
      tags: ["Webhooks"],
      summary: "Send a test message",
      description: "Makes one attempt and returns its result. A failed attempt is not repeated.",
      security,
      parameters: [idParameter],
      responses: {
        "200": response("Result of the attempt", "Delivery", { ...delivery, type: TEST, symbol: null }),
        ...problems(["invalid_parameter", "not_found", ...COMMON]),
      },
    },
  },
  "/v1/webhooks/{id}/replay": {
    post: {
      operationId: "replayWebhook",
      tags: ["Webhooks"],
      summary: "Send missed messages",
      description:
        "Sends the messages since a time that the endpoint has not accepted: those of rows that were published while the webhook was inactive, those that were dropped when it became inactive, and those that were abandoned after ten attempts. IDs and bodies are the original ones. Each message is sent once, however often it is replayed. A replay sends at most 500 messages, the oldest first.",
      security,
      parameters: [idParameter],
      requestBody: bodyOf(ReplayRequest, { since: 1778400000 }),
      responses: {
        "202": response("The messages are scheduled", "Replay", { messages: 3, has_more: false }),
        ...problems([
          "invalid_parameter",
          "unsupported_media_type",
          "content_too_large",
          "inactive_webhook",
          "not_found",
          ...COMMON,
        ]),
      },
    },
  },
  "/v1/webhooks/{id}/deliveries": {
    get: {
      operationId: "listDeliveries",
      tags: ["Webhooks"],
      summary: "List the last 100 delivery attempts",
      description: "Includes test messages and failed attempts.",
      security,
      parameters: [idParameter],
      responses: {
        "200": response("Newest first", "Deliveries", { items: [delivery] }),
        ...problems(["invalid_parameter", "not_found", ...COMMON]),
      },
    },
  },
};
