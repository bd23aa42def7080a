import { defineConfig } from "@hey-api/openapi-ts";

/** Generates a client with Hey API in `generated/`. Node needs `.ts` in imports. */

const { SHORT_INTEREST_URL = "http://localhost:8787" } = process.env;

export default defineConfig({
  input: `${SHORT_INTEREST_URL}/openapi.json`,
  output: { path: "hey-api/generated", module: { extension: ".ts" } },
});
