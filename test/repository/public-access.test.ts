import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { unstable_readConfig as readConfig } from "wrangler";

describe("a deployment", () => {
  it("does not inherit PUBLIC_ACCESS from wrangler.toml", () => {
    expect(readConfig({ config: "wrangler.toml" }).vars).toEqual({});
  });

  it("keeps the query, which may have a key, out of the platform's logs and traces", () => {
    expect(readConfig({ config: "wrangler.toml" }).observability?.redact_query_string).toBe(true);
  });

  it("does not inherit variables of a developer: git ignores .dev.vars", () => {
    expect(readFileSync(".gitignore", "utf8").split("\n")).toContain(".dev.vars");
  });
});
