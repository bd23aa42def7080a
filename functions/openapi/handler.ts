import { validConfig } from "../env.ts";
import { entityTag } from "../http/entity-tag.ts";
import { NoQuery, parseQuery } from "../http/parameters.ts";
import type { AppContext } from "../middleware/app-env.ts";
import { openapiJson } from "./document.ts";
import { eventTypes } from "./event-types.ts";

/**
 * `GET /openapi.json`: the API description of this service. It says whether pages require a key, so it changes with
 * API_KEYS. Clients therefore keep it for an hour only. It is returned for an invalid configuration as well.
 */
export async function getOpenapi({ body, env }: AppContext): Promise<Response> {
  const keys = validConfig(env)?.auth.apiKeys ? "required" : "optional";
  const bytes = new Uint8Array(new TextEncoder().encode(openapiJson(keys)));
  const headers = { "Content-Type": "application/json", "Cache-Control": "public, max-age=3600" };
  return body(bytes, 200, { ...headers, ETag: await entityTag(bytes) });
}

/** `GET /v1/webhooks/event-types`: the types of messages, with their JSON Schemas. */
export function listEventTypes(context: AppContext): Response {
  parseQuery(NoQuery, context.req.url);
  return context.json(eventTypes(), 200, { "Cache-Control": "no-store" });
}
