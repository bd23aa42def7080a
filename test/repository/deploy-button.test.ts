import { readFileSync } from "node:fs";
import { parseEnv as parseDotenv } from "node:util";
import { describe, expect, it } from "vitest";
import { unstable_readConfig as readConfig } from "wrangler";
import { parseEnv, VARIABLE_NAMES } from "../../functions/env.ts";

/** Files that the Deploy to Cloudflare button reads. */

const EXAMPLE = readFileSync(".dev.vars.example", "utf8");
const asked = parseDotenv(EXAMPLE);
const uncommented = parseDotenv(EXAMPLE.replaceAll(/^# (?=[A-Z_]+=)/gm, ""));
const config = readConfig({ config: "wrangler.toml" });
const { cloudflare }: { cloudflare: { bindings: Record<string, { description: string }> } } = JSON.parse(
  readFileSync("package.json", "utf8"),
);

describe(".dev.vars.example", () => {
  it("asks for the required secrets, a key and the key of webhooks", () => {
    const required = config.secrets?.required ?? [];
    expect(Object.keys(asked).sort()).toEqual([...required, "API_KEYS", "WEBHOOK_SECRET_KEY"].sort());
  });

  it("names only variables of the Worker, and never PUBLIC_ACCESS", () => {
    const names = Object.keys(uncommented);
    expect(names.filter((name) => !VARIABLE_NAMES.includes(name))).toEqual([]);
    expect(names).not.toContain("PUBLIC_ACCESS");
  });

  it("has values that the Worker refuses, so that a deployment of them answers nothing", () => {
    const read =
      (changes: Record<string, string> = {}) =>
      () =>
        parseEnv({ ...asked, ...changes });
    expect(read()).toThrow(expect.objectContaining({ code: "misconfigured", parameter: "API_KEYS" }));
    const API_KEYS = `me:${"0".repeat(64)}`;
    expect(read({ API_KEYS })).toThrow(expect.objectContaining({ parameter: "WEBHOOK_SECRET_KEY" }));
    expect(read({ API_KEYS, WEBHOOK_SECRET_KEY: btoa("k".repeat(32)) })).not.toThrow();
  });
});

describe("cloudflare.bindings in package.json", () => {
  it("describes each secret that the button asks for, and the queue that it creates", () => {
    const queues = (config.queues.producers ?? []).map(({ binding }: { binding: string }) => binding);
    expect(Object.keys(cloudflare.bindings).sort()).toEqual([...Object.keys(asked), ...queues].sort());
  });

  it("has a sentence for each", () => {
    for (const { description } of Object.values(cloudflare.bindings))
      expect(description).toMatch(/^[A-Z].+\.$/);
  });
});

describe("wrangler.toml", () => {
  it("names a queue for each producer and consumer, which the button creates", () => {
    const produced = (config.queues.producers ?? []).map(({ queue }: { queue: string }) => queue);
    const consumed = (config.queues.consumers ?? []).map(({ queue }: { queue: string }) => queue);
    expect(produced).toEqual(["short-interest-webhooks"]);
    expect(consumed).toEqual(produced);
  });
});
