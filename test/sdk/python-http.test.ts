import { resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startPlainService } from "../support/local-service.ts";
import { hasPython, installExample, temporaryHome } from "./python-environment.ts";
import { cellsOf, documentedCells, pathOf, runPython } from "./python-programs.ts";

/** examples/python/short_interest.py without the vendor's packages. `python.test.ts` compares it with them. */

const PROGRAM = resolve("examples/python/short_interest.py");
/** A client may cause one call in this time, in seconds. The service itself waits up to 3 s for a call. */
const WINDOW_S = 8;

const areWaits = (seconds: readonly number[]) =>
  seconds.length > 0 && seconds.every((wait) => wait >= 1 && wait <= WINDOW_S);

describe.skipIf(!hasPython())("short_interest.py", () => {
  let python: string;
  let home: Awaited<ReturnType<typeof temporaryHome>>;
  let service: Awaited<ReturnType<typeof startPlainService>>;
  let limited: typeof service;

  beforeAll(async () => {
    python = await installExample();
    [home, service, limited] = await Promise.all([
      temporaryHome(),
      startPlainService({}, { CLIENT_SHARE: "30" }),
      startPlainService({}, { CLIENT_SHARE: "1", UPSTREAM_WINDOW_SECONDS: String(WINDOW_S) }),
    ]);
  });

  afterAll(async () => {
    await service?.close();
    await limited?.close();
    await home?.remove();
  });

  const run = (...args: string[]) =>
    runPython(python, [PROGRAM, ...args], { ...home.env, SHORT_INTEREST_URL: service.origin });

  it("a history waits as long as the service asks, and no longer than the caller allows", async () => {
    const printed = await runPython(python, [pathOf("waiting"), limited.origin], home.env);
    expect(JSON.parse(printed)).toEqual({
      rows: [50, 10],
      waits: expect.toSatisfy(areWaits),
      error: expect.stringContaining("频率太高"),
    });
  });

  it("prints the table of a code", async () => {
    expect(cellsOf(await run("HK.00700"))).toEqual(documentedCells());
  });

  it("prints the full history", async () => {
    expect(cellsOf(await run("HK.00700", "--all"))).toHaveLength(251);
  });

  it("prints the error of an unsupported market, with exit code 1", async () => {
    await expect(run("JP.7203")).rejects.toMatchObject({
      code: 1,
      stderr: "error: Short interest is available for the markets HK and US only\n",
    });
  });

  it("an unreachable service and a wrong address are errors", async () => {
    await expect(run("HK.00700", "--url", "http://127.0.0.1:1")).rejects.toMatchObject({
      stderr: expect.stringMatching(/^error: ConnectionError: /),
    });
    await expect(run("HK.00700", "--url", `${service.origin}/wrong`)).rejects.toMatchObject({
      stderr: expect.stringMatching(/^error: /),
    });
  });
});
