import { readFileSync } from "node:fs";
import { runInNewContext } from "node:vm";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type LocalService, startPlainService } from "../support/local-service.ts";
import { blocksOf } from "../support/readme.ts";
import { sha256 } from "../support/sha256.ts";
import { API_KEYS, KEY } from "../support/webhook-maker.ts";

/** No spreadsheet runs here. These tests fetch the URLs of `examples/spreadsheets.md` as its applications would. */

const HEADER = "timestamp,timestamp_str,aggregated_short,aggregated_short_ratio,close_price,last_close_price";
const NEWEST = "1777478400,2026-04-30,51480638,0.56,467.8,479.2";
const HOST = "https://short-interest-edge.example.workers.dev";

const URL_KEY = "si_a-key-for-urls";

let keyed: LocalService;

beforeAll(async () => {
  const keys = `${API_KEYS},sheet:${await sha256(URL_KEY)}:url`;
  keyed = await startPlainService({}, { API_KEYS: keys, SUBREQUEST_LIMIT: "10000" });
}, 60_000);

afterAll(() => keyed?.close());

const blocks = blocksOf(readFileSync("examples/spreadsheets.md", "utf8")).map(({ text }) => text);

/** The one block that contains `text`. A line feed is before its first line. */
function blockWith(text: string): string {
  const found = blocks.filter((block) => `\n${block}`.includes(text));
  expect(found).toHaveLength(1);
  return found[0] ?? "";
}

/** The path of the one URL of a formula. The URL ends with a key, which is replaced by a valid one. */
function pathIn(formula: string): string {
  const urls = [...formula.matchAll(/https:[^"'\s]+/g)].map(([url]) => url);
  expect(urls).toEqual([expect.stringContaining(`${HOST}/`)]);
  return (urls[0] ?? "").slice(HOST.length).replace(/&key=KEY$/, `&key=${URL_KEY}`);
}

/** The lines of a CSV response. */
async function linesOf(response: Response): Promise<string[]> {
  expect(response.status).toBe(200);
  expect(response.headers.get("Content-Type")).toContain("text/csv");
  return (await response.text()).trim().split("\r\n");
}

it("IMPORTDATA gets a header and 50 rows as CSV, by its key for URLs", async () => {
  const lines = await linesOf(await fetch(keyed.origin + pathIn(blockWith("=IMPORTDATA"))));
  expect(lines.slice(0, 2)).toEqual([HEADER, NEWEST]);
  expect(lines).toHaveLength(51);
});

it("INDEX of IMPORTDATA names the cell with the newest number of shares", async () => {
  const formula = blockWith("=INDEX(");
  const [, line, column] = /, (\d+), (\d+)\)$/m.exec(formula) ?? [];
  const lines = await linesOf(await fetch(keyed.origin + pathIn(formula)));
  expect(lines[Number(line) - 1]?.split(",")[Number(column) - 1]).toBe("51480638");
});

it("the function of Apps Script sends its key and returns a header and rows", async () => {
  const script = blockWith("function SHORT_INTEREST(symbol)").replaceAll(HOST, keyed.origin);
  const PropertiesService = { getScriptProperties: () => ({ getProperty: () => KEY }) };
  /** Runs the script with a `UrlFetchApp` that returns `text`. Its real one waits, which a function here cannot. */
  const call = (text: string) => {
    const requests: { url: string; headers: Record<string, string> }[] = [];
    const UrlFetchApp = {
      fetch(url: string, { headers }: { headers: Record<string, string> }) {
        requests.push({ url, headers });
        return { getContentText: () => text };
      },
    };
    const result: unknown = runInNewContext(`${script}; SHORT_INTEREST("HK.00700")`, {
      UrlFetchApp,
      PropertiesService,
    });
    return { requests, result };
  };
  const [request] = call('{"items":[{}]}').requests;
  const response = await fetch(request?.url ?? "", { headers: request?.headers ?? {} });
  expect(response.status).toBe(200);
  const { result } = call(await response.text());
  expect(result).toHaveLength(51);
  expect(JSON.stringify(result).slice(0, 200)).toContain(
    `[${JSON.stringify(HEADER.split(","))},[1777478400,"2026-04-30",51480638,0.56,467.8,479.2],`,
  );
});

it("the query for Excel gets the full history as CSV with its columns, by its key alone", async () => {
  const query = blockWith('#"X-API-Key"');
  const url = keyed.origin + pathIn(query);
  const [, name = ""] = /#"([\w-]+)" = "KEY"/.exec(query) ?? [];
  expect((await fetch(url)).status).toBe(401);
  const lines = await linesOf(await fetch(url, { headers: { [name]: KEY } }));
  expect(lines).toHaveLength(251);
  expect(lines[0]).toBe([...query.matchAll(/\{"(\w+)", /g)].map(([, column]) => column).join());
});

it("Power Query with ApiKeyName makes a URL of the full history as CSV, by its key for URLs", async () => {
  const step = blockWith("ApiKeyName");
  const textOf = (name: string) => new RegExp(`${name} = "([^"]+)"`).exec(step)?.[1] ?? "";
  expect(step).toContain(`"${HOST}"`);
  const url = new URL(textOf("RelativePath"), keyed.origin);
  url.searchParams.set("format", textOf("format"));
  url.searchParams.set(textOf("ApiKeyName"), URL_KEY);
  expect(await linesOf(await fetch(url))).toHaveLength(251);
});

it("read_csv of DuckDB gets the URL that its pipe gets", () => {
  expect(pathIn(blockWith("INSTALL httpfs"))).toBe(pathIn(blockWith("curl -sSf")));
});

it("the external link of LibreOffice Calc gets the full history as CSV, by its key for URLs", async () => {
  const lines = await linesOf(await fetch(keyed.origin + pathIn(blockWith(`\n${HOST}`))));
  expect(lines.slice(0, 2)).toEqual([HEADER, NEWEST]);
  expect(lines).toHaveLength(251);
});

it("the expression for LibreOffice Calc matches the newest number of shares", async () => {
  const formula = blockWith("WEBSERVICE");
  const [, expression = ""] = /; "(.*)"\)\)$/m.exec(formula) ?? [];
  const text = await (await fetch(keyed.origin + pathIn(formula))).text();
  expect(new RegExp(expression.replaceAll('""', '"')).exec(text)?.[0]).toBe("51480638");
});
