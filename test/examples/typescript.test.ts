import { afterAll, beforeAll, expect, it } from "vitest";
import { run } from "../sdk/run.ts";
import { type LocalService, startPlainService } from "../support/local-service.ts";
import { API_KEYS, KEY } from "../support/webhook-maker.ts";

/** The programs of `examples/typescript/`. `test/workers/receiver.test.ts` runs the receiver. */

const FOLDER = "examples/typescript";
const bin = (name: string) => `${FOLDER}/node_modules/.bin/${name}`;

let service: LocalService;

beforeAll(async () => {
  service = await startPlainService({}, { API_KEYS, SUBREQUEST_LIMIT: "10000" });
  await run(bin("openapi-typescript"), [`${service.origin}/openapi.json`, "-o", `${FOLDER}/api.ts`]);
}, 60_000);

afterAll(() => service?.close());

it("the programs compile in strict mode, with types generated from /openapi.json", async () => {
  expect(await run(bin("tsc"), ["-p", FOLDER])).toBe("");
});

it("client.ts prints a page, a history, newest rows and a problem", async () => {
  const env = { SHORT_INTEREST_URL: service.origin, SHORT_INTEREST_API_KEY: KEY };
  const printed = await run(process.execPath, [`${FOLDER}/client.ts`], { env });
  expect(printed.split("\n")).toEqual([
    "2026-04-30 51480638",
    "2026-04-24 51888755",
    "next page: 1776960000",
    expect.stringMatching(/^2026-03-15 \d+\.\d+$/),
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
