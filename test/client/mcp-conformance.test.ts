import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { array, object, parse, string } from "valibot";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type LocalService, startPlainService } from "../support/local-service.ts";
import { reserveOrigin } from "../support/own-origin.ts";
import { EXCEPTIONS } from "./mcp-conformance-exceptions.ts";

/** The official conformance suite of MCP, in each revision that it covers. */

const SUITE = "node_modules/@modelcontextprotocol/conformance/dist/index.js";
/** A run takes about 2 s on an idle machine. */
const RUN_TIMEOUT_MS = 120_000;

const Checks = array(object({ id: string(), status: string() }));

let service: LocalService;
let own: Awaited<ReturnType<typeof reserveOrigin>>;

beforeAll(async () => {
  own = await reserveOrigin();
  // The suite sends its requests with this origin, and with a foreign one that must be refused.
  const vars = { ALLOWED_ORIGINS: own.origin, CLIENT_SHARE: "30", SUBREQUEST_LIMIT: "10000" };
  service = await startPlainService({}, vars);
  own.forwardTo(service.origin);
}, RUN_TIMEOUT_MS);

afterAll(async () => {
  own?.close();
  await service?.close();
});

/** Runs all scenarios of a revision. Returns the statuses of each check, by `scenario:check`. */
async function runSuite(revision: string): Promise<Map<string, Set<string>>> {
  const directory = await mkdtemp(join(tmpdir(), "short-interest-edge-"));
  const target = ["server", "--url", `${own.origin}/mcp`, "--suite", "all"];
  try {
    await new Promise<void>((resolve) => {
      const args = [SUITE, ...target, "--spec-version", revision, "--output-dir", directory];
      // It exits with 1 if a check fails. The results tell which one.
      execFile(process.execPath, args, { maxBuffer: 2 ** 24 }, () => resolve());
    });
    const statuses = new Map<string, Set<string>>();
    for (const name of await readdir(directory)) {
      const scenario = name.replace(/^server-/, "").replace(/-\d{4}-\d\d-\d\dT.*/, "");
      const checks = parse(Checks, JSON.parse(await readFile(join(directory, name, "checks.json"), "utf8")));
      for (const { id, status } of checks) {
        const check = `${scenario}:${id}`;
        statuses.set(check, (statuses.get(check) ?? new Set()).add(status));
      }
    }
    return statuses;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

const listed = EXCEPTIONS.flatMap(({ checks }) => checks);
const seen = new Set<string>();

// The suite has no check for 2025-03-26 that a server without sessions can fail: protocol.test.ts and mcp.test.ts test it.
it.each([
  ["2025-06-18", 29],
  ["2025-11-25", 34],
  ["2026-07-28", 73],
])(
  "The conformance suite of MCP %s fails at the listed checks only",
  async (revision, minPassed) => {
    const statuses = await runSuite(revision);
    for (const check of statuses.keys()) seen.add(check);
    const withStatus = (...some: string[]) =>
      [...statuses].filter(([, all]) => some.some((status) => all.has(status))).map(([check]) => check);
    const expected = listed.filter((check) => statuses.has(check));
    expect(withStatus("FAILURE", "WARNING").sort()).toEqual(expected.sort());
    expect(withStatus("SUCCESS").length).toBeGreaterThanOrEqual(minPassed);
  },
  RUN_TIMEOUT_MS,
);

it("The list of exceptions has no check twice, and none that the suite no longer has", () => {
  expect(listed).toEqual([...new Set(listed)]);
  expect(listed.filter((check) => !seen.has(check))).toEqual([]);
});
