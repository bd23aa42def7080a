import type * as v from "valibot";
import type { FailureCode } from "../errors.ts";
import { NewSecret, NewWebhook, WebhookChanges } from "../routes/webhook-parameters.ts";
import { PUBLISHED, TEST } from "../webhooks/messages.ts";
import { HK_ROWS } from "./examples.ts";
import { HEADERS, header, inFormat, problems } from "./parts.ts";
import { jsonSchemaOf, ref } from "./schemas.ts";

/** Webhooks: what is asked of them, and what receivers are sent. */

const ID = "wh_0f5c6ad0b1f64d5f9a53a8f4b7c1e2d3";
const MESSAGE_ID = "msg_9b2d5c1e8a7f4630b1c2d3e4f5a60718";
const SECRET = `whsec_${"c2hvcnQtaW50ZXJlc3QtZWRnZS1leGFtcGxlLTAxMjM="}`;

const text = { type: "string" };

const made = {
  id: ID,
  url: "https://example.com/short-interest",
  symbols: ["HK.00700"],
  description: "",
  active: true,
  reason: null,
  failing_since: null,
  created_at: 1779000000,
};
const tried = {
  id: MESSAGE_ID,
  type: PUBLISHED,
  symbol: "HK.00700",
  at: 1779000300,
  status: 204,
  error: null,
  milliseconds: 84,
  next_try_at: null,
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

const security = [{ bearer: [] }, { apiKey: [] }];
const idParameter = { name: "id", in: "path", required: true, schema: { ...text, examples: [ID] } };

function bodyOf(schema: v.GenericSchema, example: object) {
  const json = jsonSchemaOf(schema, "input");
  return { required: true, content: Object.fromEntries([inFormat("json", json, example)]) };
}
function answered(description: string, schema: string, example: object, more = {}) {
  const content = Object.fromEntries([inFormat("json", ref(schema), example)]);
  return { description, headers: { ...HEADERS, ...more }, content };
}

export const WEBHOOK_PATHS = {
  "/v1/webhooks": {
    post: {
      operationId: "createWebhook",
      summary: "Sends a message to a URL whenever a new row is published",
      description:
        "Its receiver must answer a signed test message with 2xx within 15 s. Rows that are there already are not told of. At most 20 for each key.",
      security,
      requestBody: bodyOf(NewWebhook, { url: made.url, symbols: made.symbols }),
      responses: {
        "201": answered(
          "It is made",
          "WebhookWithSecret",
          { ...made, secret: SECRET },
          {
            Location: header("Where it is."),
          },
        ),
        ...problems([...BODY, ...COMMON, "unverified_endpoint", "limit_reached", "duplicate_webhook"]),
      },
    },
    get: {
      operationId: "listWebhooks",
      summary: "The webhooks of this key",
      security,
      responses: {
        "200": answered("Oldest first", "Webhooks", { items: [made] }),
        ...problems(["invalid_parameter", ...COMMON]),
      },
    },
  },
  "/v1/webhooks/{id}": {
    get: {
      operationId: "getWebhook",
      summary: "A webhook, and what is known of its symbols",
      security,
      parameters: [idParameter],
      responses: {
        "200": answered("The webhook", "WebhookWatched", {
          ...made,
          watched: [{ symbol: "HK.00700", newest: 1777478400, checked_at: 1779000000, problem: null }],
        }),
        ...problems(["invalid_parameter", "not_found", ...COMMON]),
      },
    },
    patch: {
      operationId: "changeWebhook",
      summary: "Changes a webhook, or stops it for a while",
      description: "Another address, and one that begins again, is sent a test message first.",
      security,
      parameters: [idParameter],
      requestBody: bodyOf(WebhookChanges, { active: false }),
      responses: {
        "200": answered("It is changed", "Webhook", { ...made, active: false, reason: "paused" }),
        ...problems([...BODY, ...COMMON, "unverified_endpoint", "not_found", "duplicate_webhook"]),
      },
    },
    delete: {
      operationId: "deleteWebhook",
      summary: "Ends a webhook",
      security,
      parameters: [idParameter],
      responses: {
        "204": { description: "It is gone", headers: HEADERS },
        ...problems(["invalid_parameter", "not_found", ...COMMON]),
      },
    },
  },
  "/v1/webhooks/{id}/rotate": {
    post: {
      operationId: "rotateSecret",
      summary: "Gives a webhook another secret",
      description:
        "For a day messages are signed with the older ones as well. With revoke, those end at once; use it after a leak.",
      security,
      parameters: [idParameter],
      requestBody: { ...bodyOf(NewSecret, { revoke: true }), required: false },
      responses: {
        "200": answered("The new secret", "RotatedSecret", {
          id: ID,
          secret: SECRET,
          old_secret_until: null,
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
      summary: "Sends a test message now",
      security,
      parameters: [idParameter],
      responses: {
        "200": answered("How that went", "Delivery", { ...tried, type: TEST, symbol: null }),
        ...problems(["invalid_parameter", "not_found", ...COMMON]),
      },
    },
  },
  "/v1/webhooks/{id}/deliveries": {
    get: {
      operationId: "listDeliveries",
      summary: "The last hundred tries",
      security,
      parameters: [idParameter],
      responses: {
        "200": answered("Newest first", "Deliveries", { items: [tried] }),
        ...problems(["invalid_parameter", "not_found", ...COMMON]),
      },
    },
  },
};

const signature = [
  ["webhook-id", "Names the message, and is the same on every try."],
  ["webhook-timestamp", "Unix time of the try, in seconds."],
  [
    "webhook-signature",
    "v1, and the HMAC-SHA256 of id.timestamp.body in base64; for each secret one, with spaces between.",
  ],
].map(([name, description]) => ({ name, in: "header", required: true, description, schema: text }));

/** What receivers are sent. */
export const MESSAGES = {
  published: {
    post: {
      operationId: "published",
      summary: "A new row was published",
      description:
        "Signed as Standard Webhooks has it. 2xx within 15 s is success; everything else is tried again for three days, and 410 ends the webhook.",
      security: [],
      parameters: signature,
      requestBody: {
        required: true,
        content: Object.fromEntries([
          inFormat(
            "json",
            { oneOf: [ref("PublishedMessage"), ref("TestMessage")] },
            {
              type: PUBLISHED,
              timestamp: "2026-05-08T09:00:00.000Z",
              data: { symbol: "HK.00700", market: "HK", row: HK_ROWS[0], previous: HK_ROWS[1] },
            },
          ),
        ]),
      },
      responses: { "2XX": { description: "It has arrived" }, "410": { description: "Never again" } },
    },
  },
};
