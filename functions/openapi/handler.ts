import { entityTag } from "../http/entity-tag.ts";
import { NoQuery, parseQuery } from "../http/parameters.ts";
import type { AppContext } from "../middleware/app-env.ts";
import { openapiJson } from "./document.ts";
import { eventTypes } from "./event-types.ts";

/** `GET /openapi.json`: the API description. */
export async function getOpenapi({ body }: AppContext): Promise<Response> {
  const bytes = new Uint8Array(new TextEncoder().encode(openapiJson()));
  const headers = { "Content-Type": "application/json", "Cache-Control": "public, max-age=86400" };
  return body(bytes, 200, { ...headers, ETag: await entityTag(bytes) });
}

/** `GET /v1/webhooks/event-types`: the types of messages, with their JSON Schemas. */
export function listEventTypes(context: AppContext): Response {
  parseQuery(NoQuery, context.req.url);
  return context.json(eventTypes(), 200, { "Cache-Control": "no-store" });
}
