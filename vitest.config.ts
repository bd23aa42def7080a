import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

// Otherwise Miniflare downloads an example of request.cf at start.
process.env.CLOUDFLARE_CF_FETCH_ENABLED = "false";
// No warnings about the secrets that wrangler.toml requires: every test sets its own.
process.env.WRANGLER_LOG = "error";
// Tests start many Node processes: compiled modules, wrangler above all, are kept.
process.env.NODE_COMPILE_CACHE ??= "node_modules/.cache/node";

export default defineConfig({
  test: {
    // Most files of a project share an isolate or a process, as requests do. More workers than cores: many tests wait.
    maxWorkers: 3,
    globalSetup: "test/support/global-setup.ts",
    reporters: ["default", "test/support/slowest-files.ts"],
    // For `npm run coverage`. Istanbul, because Node cannot read V8's coverage of code in workerd.
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
          isolate: false,
          include: ["test/**/*.test.ts"],
          exclude: [
            "test/{bench,browser,client,examples,lighthouse,model,python,repository,scripts,sdk,simulation,stand-ins,vendor,workers}/**",
          ],
          setupFiles: "test/support/log.ts",
          testTimeout: 30_000,
        },
      },
      {
        // Tests in Node: stand-ins, scripts and simulations.
        test: {
          name: "node",
          isolate: false,
          include: [
            "test/{bench,client,examples,lighthouse,model,repository,scripts,stand-ins,workers}/**/*.test.ts",
          ],
          testTimeout: 30_000,
        },
      },
      {
        // The vendor's clients cannot be loaded into one process.
        test: {
          name: "vendor",
          include: ["test/vendor/**/*.test.ts"],
          testTimeout: 30_000,
        },
      },
      {
        // A minute of computing, so it has a script of its own.
        test: {
          name: "simulation",
          include: ["test/simulation/**/*.test.ts"],
        },
      },
      {
        // `npm test` needs Node only. Tests that need Python or a browser have scripts of their own.
        test: {
          name: "python",
          include: ["test/python/**/*.test.ts"],
          testTimeout: 30_000,
        },
      },
      {
        // The vendor's SDKs, each in its own language. They are installed first.
        test: {
          name: "sdk",
          include: ["test/sdk/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 300_000,
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
