import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

// Start-up would otherwise ask the internet for an example of request.cf.
process.env.CLOUDFLARE_CF_FETCH_ENABLED = "false";

export default defineConfig({
  test: {
    globalSetup: "test/support/global-setup.ts",
    projects: [
      {
        plugins: [cloudflareTest({ wrangler: { configPath: "wrangler.toml" } })],
        test: {
          name: "workerd",
          include: ["test/**/*.test.ts"],
          exclude: ["test/vendor/**", "test/stand-ins/**", "test/workers/**"],
          testTimeout: 30_000,
        },
      },
      {
        // The vendor's own client, and the stand-ins, run in Node.
        test: {
          name: "node",
          include: ["test/{vendor,stand-ins,workers}/**/*.test.ts"],
          testTimeout: 30_000,
        },
      },
    ],
  },
});
