import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type LocalService, startPlainService } from "../support/local-service.ts";
import { run } from "./run.ts";

const KEY = "7522027ccf5a06b1";
const hash = (algorithm: string, text: string) => createHash(algorithm).update(text).digest("hex");

let service: LocalService;
beforeAll(async () => {
  const API_KEYS = `me:${hash("sha256", KEY)}:${hash("sha256", hash("md5", KEY))}`;
  service = await startPlainService({}, { API_KEYS });
});
afterAll(() => service?.close());

it("the vendor's JavaScript example prints the documented output", async () => {
  const { hostname, port } = new URL(service.origin);
  const folder = new URL("javascript/", import.meta.url).pathname;
  const output = await run(
    process.execPath,
    ["--import", `${folder}proto-import.js`, `${folder}example.js`],
    {
      env: { OPEND_HOST: hostname, OPEND_PORT: port },
      isComplete: (text) => text.endsWith("stop\n"),
    },
  );
  const lines = output.split("\n").map((line) => line.trim());
  // The SDK prints before it that the login succeeded.
  const start = lines.indexOf("GetShortInterest: errCode 0, retMsg , retType 0");
  expect(lines.slice(start, start + 9)).toEqual([
    "GetShortInterest: errCode 0, retMsg , retType 0",
    "{",
    '"hkItemList": [{',
    '"timestamp": "1777478400",',
    '"timestampStr": "2026-04-30",',
    '"closePrice": 467.8,',
    '"lastClosePrice": 479.2,',
    '"aggregatedShort": "51480638",',
    '"aggregatedShortRatio": 0.56',
  ]);
  expect(lines.slice(-5)).toEqual(["}],", '"nextKey": "1772121600"', "}", "stop", ""]);
});
