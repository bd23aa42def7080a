import { PUBLISHED, TEST } from "../webhooks/messages.ts";
import { inFormat, parameter } from "./building-blocks.ts";
import { HK_ROWS } from "./examples.ts";
import { inlined, ref, type Schema } from "./schemas.ts";
import { WEBHOOK_SCHEMAS } from "./webhook-schemas.ts";

/** The messages that webhooks send: their types with JSON Schemas, and their description in OpenAPI. */

const text = { type: "string" };
const MESSAGE_ID = "msg_9b2d5c1e8a7f4630b1c2d3e4f5a60718";

const PUBLISHED_EXAMPLE = {
  type: PUBLISHED,
  timestamp: "2026-05-08T09:00:00.000Z",
  data: { symbol: "HK.00700", market: "HK", row: HK_ROWS[0], previous: HK_ROWS[1] },
};
const TEST_EXAMPLE = {
  type: TEST,
  timestamp: "2026-05-08T09:00:00.000Z",
  data: { webhook: "wh_0f5c6ad0b1f64d5f9a53a8f4b7c1e2d3" },
};

const eventType = (type: string, description: string, schema: Schema = {}, example: object = {}) => ({
  type,
  description,
  schema: {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    ...inlined(schema),
    examples: [example],
  },
});

/** The body of `GET /v1/webhooks/event-types`. A schema has no references, so that it is complete by itself. */
export const eventTypes = () => ({
  items: [
    eventType(
      PUBLISHED,
      "A new row of a symbol was published.",
      WEBHOOK_SCHEMAS.PublishedMessage,
      PUBLISHED_EXAMPLE,
    ),
    eventType(TEST, "Verifies the receiver of a webhook.", WEBHOOK_SCHEMAS.TestMessage, TEST_EXAMPLE),
  ],
});

const signature = (
  [
    [
      "webhook-id",
      "ID of the message. It is the same for every attempt: use it to drop duplicates.",
      MESSAGE_ID,
    ],
    ["webhook-timestamp", "Time of the attempt, Unix time in seconds.", "1779000300"],
    [
      "webhook-signature",
      "Space-separated list with one entry per secret: v1, followed by the base64 HMAC-SHA256 of id.timestamp.body.",
      "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
    ],
  ] as const
).map(([name, description, example]) =>
  parameter(name, "header", { ...text, description, examples: [example] }, true),
);

/** Messages that webhooks send. */
export const MESSAGES = {
  published: {
    post: {
      operationId: "published",
      tags: ["Webhooks"],
      summary: "A new row was published",
      description:
        "Signed according to Standard Webhooks. Delivery is at-least-once: deduplicate on webhook-id. Answer with 2xx within 15 s. Any other outcome is retried for three days; 410 ends the webhook.",
      security: [],
      parameters: signature,
      requestBody: {
        required: true,
        content: Object.fromEntries([
          inFormat("json", { oneOf: [ref("PublishedMessage"), ref("TestMessage")] }, PUBLISHED_EXAMPLE),
        ]),
      },
      responses: { "2XX": { description: "Message accepted" }, "410": { description: "End this webhook" } },
    },
  },
};
