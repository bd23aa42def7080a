import { PUBLISHED, TEST } from "../webhooks/messages.ts";
import { HK_ROWS } from "./examples.ts";
import { inlined, type Schema } from "./schemas.ts";
import { WEBHOOK_SCHEMAS } from "./webhook-schemas.ts";

/** The types of messages that webhooks send, with their JSON Schemas. */

export const PUBLISHED_EXAMPLE = {
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
  schema: { $schema: "https://json-schema.org/draft/2020-12/schema", ...inlined(schema) },
  example,
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
