import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LocalService, startPlainService } from "../support/local-service.ts";
import { blockOf } from "../support/readme.ts";
import { API_KEYS, KEY } from "../support/webhook-maker.ts";
import { run } from "./run.ts";

/** The shell scripts of `examples/`, and the line for pandas of docs/clients.md. */

/** DuckDB's command line is a Python package too. */
const PYTHON_PACKAGES = ["duckdb-cli==1.5.6", "pandas==3.1.1"];

const lacks = (...tools: string[]) => tools.filter((tool) => spawnSync(tool, ["--version"]).status !== 0);
const missingForCurl = lacks("bash", "curl", "jq");
const missingForPython = lacks("bash", "curl", "python3");
for (const tool of new Set([...missingForCurl, ...missingForPython])) console.log(`Skipped: needs ${tool}`);

let service: LocalService;
let env: Record<string, string>;

beforeAll(async () => {
  service = await startPlainService({}, { API_KEYS, CLIENT_SHARE: "30", SUBREQUEST_LIMIT: "10000" });
  env = { SHORT_INTEREST_URL: service.origin, SHORT_INTEREST_API_KEY: KEY };
});

afterAll(() => service?.close());

describe.skipIf(missingForCurl.length > 0)("examples/curl.sh", () => {
  it("prints a page, all pages, CSV, newest rows, an unchanged page and errors", async () => {
    // Lines of CSV end with CRLF.
    const printed = (await run("bash", ["examples/curl.sh"], { env })).replaceAll("\r", "");
    expect(printed).toBe(`A page:
2026-04-30 51480638
2026-04-24 51888755
All pages:
250 rows
A history as CSV:
timestamp,timestamp_str,aggregated_short,aggregated_short_ratio,close_price,last_close_price
1777478400,2026-04-30,51480638,0.56,467.8,479.2
1776960000,2026-04-24,51888755,0.56,493.4,495.2
The newest rows:
HK.00700 2026-04-30
US.NOSUCH unknown_symbol
A page that has not changed:
304
Errors:
The request is wrong: unknown_symbol
The request is wrong: unsupported_market
`);
  });

  it("fails without the key that the service requires", async () => {
    const withoutKey = { ...env, SHORT_INTEREST_API_KEY: "" };
    await expect(run("bash", ["examples/curl.sh"], { env: withoutKey })).rejects.toThrow("401");
  });
});

describe.skipIf(missingForPython.length > 0)("Python packages", () => {
  // The folder of other versions has another name.
  const folder = resolve("node_modules/.cache/sdk", PYTHON_PACKAGES.join());
  const bin = join(folder, "bin");
  let temporary: string;

  beforeAll(async () => {
    temporary = await mkdtemp(join(tmpdir(), "short-interest-edge-"));
    // Written last: a folder without it is incomplete.
    const marker = join(folder, "complete");
    if (existsSync(marker)) return;
    await run("python3", ["-m", "venv", "--clear", folder]);
    await run(join(bin, "pip"), ["install", "--quiet", "--disable-pip-version-check", ...PYTHON_PACKAGES]);
    await writeFile(marker, "");
  });

  afterAll(() => rm(temporary, { recursive: true }));

  it("examples/duckdb.sh prints a history by year and newest rows, and writes a Parquet file", async () => {
    const withDuckdb = { ...env, PATH: `${bin}:${process.env.PATH}` };
    const file = join(temporary, "US.AAPL.parquet");
    expect(await run("bash", ["examples/duckdb.sh", file], { env: withDuckdb })).toBe(`year,n,most_shares
2026,18,52744147
2025,52,59893001
2024,52,59523985
symbol,day,percent,code
HK.00700,2026-04-30,-0.79,NULL
US.AAPL,2026-04-30,16.67,NULL
US.NOSUCH,NULL,NULL,unknown_symbol
n,oldest
130,2020-12-15
`);
  });

  it("the line of docs/clients.md for pandas returns a full history, with the key that it names", async () => {
    const line = (await blockOf("py", "read_csv")).trim().replace("http://localhost:8787", service.origin);
    const program = `import pandas\nprint(len(${line.replace("YOUR_KEY", KEY)}))`;
    expect(await run(join(bin, "python"), ["-c", program])).toBe("250\n");
  });
});
