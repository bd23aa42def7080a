import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

// Start-up would otherwise ask the internet for an example of request.cf.
process.env.CLOUDFLARE_CF_FETCH_ENABLED = "false";
// It would warn of the secrets that wrangler.toml wants; each test brings its own.
process.env.WRANGLER_LOG = "error";

export default defineConfig({
  test: {
    globalSetup: "test/support/global-setup.ts",
    // For `npm run coverage`. Istanbul, because Node cannot read V8's coverage of code that runs in workerd.
    coverage: {
      provider: "istanbul",
      include: ["functions/**/*.ts"],
      reporter: ["text", "html"],
    },
    projects: [
      {
        plugins: [cloudflareTest({ wrangler: { configPath: "wrangler.toml" } })],
        test: {
          name: "workerd",
          include: ["test/**/*.test.ts"],
          exclude: ["test/{browser,client,model,python,repository,scripts,stand-ins,vendor,workers}/**"],
          setupFiles: "test/support/log.ts",
          testTimeout: 30_000,
        },
      },
      {
        // The clients of others, and the stand-ins, run in Node. Some start many Workers, so they take turns.
        test: {
          name: "node",
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          include: ["test/{client,model,repository,scripts,stand-ins,vendor,workers}/**/*.test.ts"],
          testTimeout: 30_000,
        },
      },
      {
        // What needs Python or a browser is not part of `npm test`, which needs Node alone.
        test: {
          name: "python",
          include: ["test/python/**/*.test.ts"],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: "browser",
          include: ["test/browser/**/*.test.ts"],
          testTimeout: 30_000,
        },
      },
    ],
  },
});
