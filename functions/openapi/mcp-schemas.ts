import { object, type Schema } from "./schemas.ts";

/** JSON Schemas of the JSON-RPC messages at `/mcp`. MCP itself describes the members of `params` and `result`. */

/** Limits the work that one request causes: rate limits count a batch once. */
export const MAX_BATCH_MESSAGES = 20;

const text = { type: "string" };
const anyObject = { type: "object", additionalProperties: true };
const jsonrpc = { const: "2.0" };
const id = { type: ["string", "integer"], description: "ID of the request." };
const error = object(
  { code: { type: "integer" }, message: text, data: { ...anyObject, description: "Facts on the error." } },
  ["data"],
);

export const MCP_SCHEMAS: Readonly<Record<string, Schema>> = {
  McpMessage: {
    ...object({ jsonrpc, id, method: text, params: anyObject }, ["id", "method", "params"]),
    // JSON-RPC does not forbid other members.
    additionalProperties: true,
    description: "A request; without an id, a notification; without a method, a response, which is ignored.",
  },
  McpResult: { ...object({ jsonrpc, id, result: anyObject }), description: "The result of a request." },
  McpError: {
    ...object({
      jsonrpc,
      id: { type: ["string", "integer", "null"], description: "ID of the request; null if it is unknown." },
      error,
    }),
    description: "Why a message has no result.",
  },
};
