import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LocalService, startPlainService } from "../support/local-service.ts";
import { blockOf } from "../support/readme.ts";
import { sha256 } from "../support/sha256.ts";
import { API_KEYS, KEY } from "../support/webhook-maker.ts";
import { installDuckdb } from "./python-environment.ts";
import { run } from "./run.ts";

/** The shell scripts of `examples/`, and the line for pandas of docs/clients.md. */

const lacks = (...tools: string[]) => tools.filter((tool) => spawnSync(tool, ["--version"]).status !== 0);
const missingForCurl = lacks("bash", "curl", "jq");
const missingForPython = lacks("bash", "curl", "python3");
for (const tool of new Set([...missingForCurl, ...missingForPython])) console.log(`Skipped: needs ${tool}`);

const URL_KEY = "si_a-key-for-urls";

let service: LocalService;
let env: Record<string, string>;

beforeAll(async () => {
  const keys = `${API_KEYS},sheet:${await sha256(URL_KEY)}:url`;
  service = await startPlainService({}, { API_KEYS: keys, CLIENT_SHARE: "30", SUBREQUEST_LIMIT: "10000" });
  env = { SHORT_INTEREST_URL: service.origin, SHORT_INTEREST_API_KEY: KEY };
});

afterAll(() => service?.close());

describe.skipIf(missingForCurl.length > 0)("examples/curl.sh", () => {
  it("prints a page, all pages, CSV, when a row was first seen, newest rows, an unchanged page and errors", async () => {
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
When a row was first seen, for backtests:
2026-04-30 unknown
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
  let python: string;
  let temporary: string;
  let withDuckdb: Record<string, string>;

  beforeAll(async () => {
    temporary = await mkdtemp(join(tmpdir(), "short-interest-edge-"));
    python = await installDuckdb();
    withDuckdb = { ...env, PATH: `${dirname(python)}:${process.env.PATH}` };
  });

  afterAll(() => rm(temporary, { recursive: true }));

  it("examples/duckdb.sh keeps the Parquet file if the download fails", async () => {
    const file = join(temporary, "kept.parquet");
    await writeFile(file, "kept");
    const unreachable = { ...withDuckdb, SHORT_INTEREST_API_KEY: "wrong" };
    await expect(run("bash", ["examples/duckdb.sh", file], { env: unreachable })).rejects.toThrow("401");
    expect(await readFile(file, "utf8")).toBe("kept");
  });

  it("examples/duckdb.sh prints a history by year and newest rows, and writes a Parquet file", async () => {
    const file = join(temporary, "US.AAPL.parquet");
    expect(await run("bash", ["examples/duckdb.sh", file], { env: withDuckdb })).toBe(`year,n,most_shares
2026,18,52744147
2025,52,43959128
2024,52,41998547
symbol,day,percent,code
HK.00700,2026-04-30,-0.79,NULL
US.AAPL,2026-04-30,0.87,NULL
US.NOSUCH,NULL,NULL,unknown_symbol
n,oldest
130,2020-12-15
`);
  });

  it("the pipe of examples/spreadsheets.md reads a full history, by a key in its URL", async () => {
    const pipe = await blockOf("sh", "duckdb -csv");
    const command = pipe
      .replace("https://short-interest-edge.example.workers.dev", service.origin)
      .replace("key=KEY", `key=${URL_KEY}`);
    expect(await run("bash", ["-c", command], { env: withDuckdb })).toBe("n,most_shares\n250,52744147\n");
  });

  it("the line of docs/clients.md for pandas returns a full history, with the key that it names", async () => {
    const line = (await blockOf("py", "read_csv")).trim().replace("http://localhost:8787", service.origin);
    const program = `import pandas\nprint(len(${line.replace("YOUR_KEY", KEY)}))`;
    expect(await run(python, ["-c", program])).toBe("250\n");
  });
});
