import type { Page } from "playwright-core";

/** Answers `/openapi.json` with a small document, for as long as the Worker has no such route. */
export async function serveDocument(page: Page): Promise<void> {
  await page.route("**/openapi.json", (route) => route.fulfill({ json: DOCUMENT }));
}

const DOCUMENT = {
  openapi: "3.1.0",
  info: { title: "short-interest-edge", version: "0.1.0" },
  servers: [{ url: "/" }],
  paths: {
    "/v1/short-interest/{symbol}": {
      get: {
        operationId: "getPage",
        summary: "A page of a security's history",
        parameters: [{ name: "symbol", in: "path", required: true, schema: { type: "string" } }],
        responses: {
          200: {
            description: "A page",
            content: { "application/json": { schema: { $ref: "#/components/schemas/Page" } } },
          },
        },
      },
    },
    "/healthz": {
      get: {
        operationId: "getHealth",
        summary: "Says that the Worker runs",
        responses: { 200: { description: "It runs" } },
      },
    },
  },
  components: {
    schemas: { Page: { type: "object", properties: { next_key: { type: ["string", "null"] } } } },
  },
};
