import { resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { run } from "../sdk/run.ts";
import { type LocalService, startPlainService } from "../support/local-service.ts";
import { API_KEYS, KEY } from "../support/webhook-maker.ts";

/** The programs of `examples/typescript/`. `test/workers/receiver.test.ts` runs the receiver. */

const FOLDER = "examples/typescript";
const bin = (name: string) => resolve(`${FOLDER}/node_modules/.bin/${name}`);

let service: LocalService;
const inFolder = (command: string, args: readonly string[]) => {
  const env = { SHORT_INTEREST_URL: service.origin, SHORT_INTEREST_API_KEY: KEY };
  return run(command, args, { env, cwd: FOLDER });
};

beforeAll(async () => {
  service = await startPlainService({}, { API_KEYS, SUBREQUEST_LIMIT: "10000" });
  await inFolder(bin("openapi-typescript"), [`${service.origin}/openapi.json`, "-o", "api.ts"]);
  await inFolder(bin("openapi-ts"), ["-f", "hey-api/openapi-ts.config.ts", "--no-log-file"]);
  await inFolder(bin("orval"), ["--config", "orval/orval.config.ts", "--fail-on-warnings"]);
}, 120_000);

afterAll(() => service?.close());

it.each(["tsconfig.json", "tsconfig.generated.json"])(
  "the programs of %s compile in strict mode, with code generated from /openapi.json",
  async (config) => {
    expect(await inFolder(bin("tsc"), ["-p", config])).toBe("");
  },
  120_000,
);

it("client.ts prints a page, a history, newest rows and a problem", async () => {
  const printed = await inFolder(process.execPath, ["client.ts"]);
  expect(printed.split("\n")).toEqual([
    "2026-04-30 51480638",
    "2026-04-24 51888755",
    "next page: 1776960000",
    expect.stringMatching(/^2026-03-13 \d+\.\d+$/),
    expect.stringMatching(/^2026-03-31 \d+\.\d+$/),
    expect.stringMatching(/^2026-04-15 \d+\.\d+$/),
    expect.stringMatching(/^2026-04-30 \d+\.\d+$/),
    "complete: true",
    "HK.00700 -0.79",
    "US.NOSUCH unknown_symbol",
    "404 unknown_symbol",
    "",
  ]);
});

describe.each(["hey-api", "orval"])("the client that %s generates", (generator) => {
  it("reads a page, a history, newest rows and a problem of a service with keys", async () => {
    const printed = await inFolder(process.execPath, [`${generator}/client.ts`]);
    expect(printed.split("\n")).toEqual([
      "2026-04-30 51480638",
      "2026-04-24 51888755",
      "rows: 4 complete: true",
      "HK.00700 -0.79",
      "US.NOSUCH unknown_symbol",
      "404 unknown_symbol",
      "",
    ]);
  });
});
