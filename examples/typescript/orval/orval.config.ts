import { defineConfig } from "orval";

/** Generates a client with Orval in `generated.ts`. Its functions call `send` for each request. */

const { SHORT_INTEREST_URL = "http://localhost:8787" } = process.env;

export default defineConfig({
  shortInterest: {
    input: `${SHORT_INTEREST_URL}/openapi.json`,
    output: {
      target: "generated.ts",
      client: "fetch",
      override: { mutator: { path: "./send.ts", name: "send" } },
    },
  },
});
