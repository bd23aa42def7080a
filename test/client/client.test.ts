import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import openapiTypescript, { astToString } from "openapi-typescript";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type LocalService, startPlainService } from "../support/local-service.ts";
import { useApi } from "./program.ts";

let service: LocalService;

beforeAll(async () => {
  service = await startPlainService();
  // The types are generated only from the document that the Worker serves.
  const types = astToString(await openapiTypescript(new URL("/openapi.json", service.origin)));
  await mkdir("test/client/generated", { recursive: true });
  await writeFile("test/client/generated/api.ts", types);
}, 60_000);

afterAll(() => service?.close());

it("a program with types generated from /openapi.json compiles in strict mode", async () => {
  const compile = promisify(execFile)("node_modules/.bin/tsc", ["-p", "test/client"]);
  const failed: { stdout: string } = await compile.catch((thrown) => thrown);
  expect(failed.stdout).toBe("");
});

it("a generated client fetches a page, a history, latest rows and a problem", async () => {
  expect(await useApi(service.origin)).toEqual({
    shares: [51480638, 51888755],
    nextKey: "1776960000",
    days: [
      "2026-01-15",
      "2026-01-30",
      "2026-02-13",
      "2026-02-27",
      "2026-03-13",
      "2026-03-31",
      "2026-04-15",
      "2026-04-30",
    ],
    complete: true,
    changes: [-408117, "unknown_symbol"],
    code: "unknown_symbol",
    status: 404,
  });
});
