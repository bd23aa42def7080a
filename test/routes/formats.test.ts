import { create, fromBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { COLUMNS } from "../../functions/short-interest/columns.ts";
import { pageCsv } from "../../functions/short-interest/csv.ts";
import { pageJson, rowsNdjson } from "../../functions/short-interest/json.ts";
import type { Page } from "../../functions/short-interest/page.ts";
import { pageProtobuf } from "../../functions/short-interest/protobuf.ts";
import {
  HkShortInterestItemSchema,
  ResponseSchema,
  UsShortInterestItemSchema,
} from "../../gen/Qot_GetShortInterest_pb.js";
import { ifNoneMatchCases } from "../support/if-none-match.ts";
import { type Service, startService } from "../support/service.ts";
import { sha256 } from "../support/sha256.ts";

const count = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const double = fc.double({ noNaN: true, noDefaultInfinity: true });
const date = fc.constantFrom("2026-04-30", "1999-01-01", 'odd, "quoted"', "line\r\nbreak");
const withOptionalFields = <T>(of: Record<string, fc.Arbitrary<T>>) => fc.record(of, { requiredKeys: [] });
const hkRow = withOptionalFields<bigint | number | string>({
  timestamp: fc.bigInt({ min: 0n, max: 2n ** 62n }),
  timestampStr: date,
  closePrice: double,
  lastClosePrice: double,
  aggregatedShort: count,
  aggregatedShortRatio: double,
}).map((row) => create(HkShortInterestItemSchema, row));
const usRow = withOptionalFields<bigint | number | string>({
  timestamp: fc.bigInt({ min: 0n, max: 2n ** 62n }),
  timestampStr: date,
  sharesShort: count,
  shortPercent: double,
  avgDailyShareVolume: count,
  daysToCover: double,
  closePrice: double,
  lastClosePrice: double,
}).map((row) => create(UsShortInterestItemSchema, row));
const anyPage: fc.Arbitrary<Page> = fc.oneof(
  fc.array(hkRow, { maxLength: 5 }).map((rows) => ({ market: "HK" as const, rows, next: null })),
  fc.array(usRow, { maxLength: 5 }).map((rows) => ({ market: "US" as const, rows, next: "1777478400" })),
);

/** Parses CSV of RFC 4180. */
function parseCsv(text: string): string[][] {
  const cells = [...text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g)];
  const lines: string[][] = [[]];
  for (const [, quoted, plain = "", end] of cells) {
    lines.at(-1)?.push(quoted?.replaceAll('""', '"') ?? plain);
    if (end === "\r\n") lines.push([]);
  }
  return lines.slice(0, -1);
}

/** Parses JSON, with every number as its source text. */
const parseExactly = (text: string): unknown =>
  JSON.parse(text, (_: string, value: unknown, context?: { source: string }) =>
    typeof value === "number" ? context?.source : value,
  );

describe("formats of a page", () => {
  it("have the same rows", () => {
    fc.assert(
      fc.property(anyPage, (page) => {
        const columns = COLUMNS[page.market];
        const expected = page.rows.map((row) =>
          Object.fromEntries(
            columns.map(({ name, valueIn }) => {
              const value = valueIn(row);
              // JSON has no negative zero.
              return [name, value === null ? null : Object.is(value, -0) ? "0" : String(value)];
            }),
          ),
        );
        const json = parseExactly(pageJson({ market: page.market, code: "A" }, page));
        expect((json as { items: unknown }).items).toEqual(expected);
        const lines = rowsNdjson(page.market, page.rows).split("\n").slice(0, -1);
        expect(lines.map(parseExactly)).toEqual(expected);
        const [header = [], ...rows] = parseCsv(pageCsv(page));
        expect(
          rows.map((cells) => Object.fromEntries(cells.map((cell, index) => [header[index], cell || null]))),
        ).toEqual(expected);
        const { s2c, retType } = fromBinary(ResponseSchema, pageProtobuf(page));
        expect(retType).toBe(0);
        expect(page.market === "HK" ? s2c?.hkItemList : s2c?.usItemList).toEqual(page.rows);
        expect(s2c?.nextKey).toBe(page.next ?? "-1");
      }),
    );
  });

  it("prefix CSV cells that begin like a formula with an apostrophe", () => {
    for (const timestampStr of ["=1+1", "+1", "-1", "@A1", "\t=1", "\r=1"]) {
      const page = {
        market: "HK" as const,
        rows: [create(HkShortInterestItemSchema, { timestampStr })],
        next: null,
      };
      expect(parseCsv(pageCsv(page))[1]?.[1]).toBe(`'${timestampStr}`);
    }
  });
});

const API_KEYS = `me:${await sha256("key")}`;

const get = async (service: Service, query = "", headers: Record<string, string> = {}) =>
  service.get(`/v1/short-interest/HK.00700${query}`, { headers });

describe("format of a page", () => {
  it.each([
    ["", {}, "application/json"],
    ["", { Accept: "*/*" }, "application/json"],
    ["", { Accept: "text/html,application/xhtml+xml,*/*;q=0.8" }, "application/json"],
    ["", { Accept: "text/*" }, "text/csv; charset=utf-8; header=present"],
    ["", { Accept: "application/json;q=0.1, application/x-ndjson" }, "application/x-ndjson"],
    ["", { Accept: "application/protobuf" }, "application/protobuf"],
    ["", { Accept: "application/x-protobuf" }, "application/x-protobuf"],
    ["", { Accept: "application/x-protobuf, application/protobuf" }, "application/protobuf"],
    ["", { Accept: "application/protobuf;q=0.5, application/x-protobuf" }, "application/x-protobuf"],
    ["", { Accept: "application/x-protobuf, */*;q=0.1" }, "application/x-protobuf"],
    ["", { Accept: "Application/X-Protobuf" }, "application/x-protobuf"],
    ["", { Accept: "*/*, application/json;q=0" }, "text/csv; charset=utf-8; header=present"],
    ["?format=csv", { Accept: "application/json" }, "text/csv; charset=utf-8; header=present"],
    ["?format=ndjson", { Accept: "image/png" }, "application/x-ndjson"],
    ["?format=protobuf", {}, "application/protobuf"],
    ["?format=protobuf", { Accept: "application/x-protobuf" }, "application/x-protobuf"],
    ["?format=protobuf", { Accept: "image/png" }, "application/protobuf"],
    ["?format=json", { Accept: "text/csv" }, "application/json"],
  ])("for the query %j with %j is %s", async (query, headers: Record<string, string>, type) => {
    const response = await get(await startService(), query, headers);
    expect(response.status).toBe(200);
    expect(response.headers.get("Content-Type")).toBe(type);
    expect(response.headers.get("Vary")).toContain("Accept");
  });

  it("is a 406 if the client accepts none of them", async () => {
    const service = await startService();
    const response = await get(service, "", { Accept: "image/png, text/html" });
    expect(response.status).toBe(406);
    expect(await response.json()).toMatchObject({ code: "not_acceptable", parameter: "Accept" });
    expect((await service.opend.stats()).calls).toBe(0);
  });

  it.each([
    ["/v1/short-interest/HK.00700", {}, "Accept"],
    ["/v1/short-interest/HK.00700/history", {}, "Accept"],
    ["/v1/short-interest?symbols=HK.00700", {}, "Accept"],
    ["/v1/short-interest/HK.00700", { API_KEYS }, "Accept, Authorization, X-API-Key"],
  ])("of %s with %j has Vary in a 200 and in a 406", async (path, vars, varies) => {
    const service = await startService({}, vars);
    for (const [accept, status] of [
      ["application/json", 200],
      ["image/png", 406],
    ] as const) {
      const response = await service.get(path, { headers: { Accept: accept, "X-API-Key": "key" } });
      expect(response.status).toBe(status);
      expect(response.headers.get("Vary")).toBe(`${varies}, Origin`);
    }
  });

  it("is the default if Accept has more than 1,024 characters", async () => {
    const service = await startService();
    const typeFor = async (accept: string) =>
      (await get(service, "", { Accept: accept })).headers.get("Content-Type");
    const fill = (length: number) => `text/csv,${"a/b,".repeat(length)}`.slice(0, length);
    expect(await typeFor(fill(1_024))).toBe("text/csv; charset=utf-8; header=present");
    for (const length of [1_025, 120_000]) expect(await typeFor(fill(length))).toBe("application/json");
  });

  it("csv is the documented table", async () => {
    const text = await (await get(await startService(), "?format=csv&num=2")).text();
    expect(text).toBe(
      "timestamp,timestamp_str,aggregated_short,aggregated_short_ratio,close_price,last_close_price\r\n" +
        "1777478400,2026-04-30,51480638,0.56,467.8,479.2\r\n" +
        "1776960000,2026-04-24,51888755,0.56,493.4,495.2\r\n",
    );
  });
});

describe("response", () => {
  it("has a Link to the next page, except for the last page", async () => {
    const service = await startService();
    const response = await get(service, "?num=1&format=csv");
    expect(response.headers.get("Link")).toBe(
      '</v1/short-interest/HK.00700?num=1&format=csv&next_key=1777478400>; rel="next"',
    );
    expect((await service.get("/v1/short-interest/US.NEWLY")).headers.get("Link")).toBeNull();
  });

  it("is a 304 with all headers if its ETag matches If-None-Match", async () => {
    const service = await startService();
    const first = await get(service);
    const tag = first.headers.get("ETag") ?? "";
    expect(tag).toMatch(/^"[^"]+"$/);
    const again = await get(service, "", { "If-None-Match": `"other", ${tag}`, Origin: "https://a.example" });
    expect(again.status).toBe(304);
    expect(await again.text()).toBe("");
    const retained = ["ETag", "Cache-Control", "Vary", "Age", "Cache-Status", "Link", "X-Request-Id"];
    for (const header of [...retained, "Access-Control-Allow-Origin", "Access-Control-Expose-Headers"]) {
      expect(again.headers.has(header), header).toBe(true);
    }
    expect((await get(service, "?format=csv", { "If-None-Match": tag })).status).toBe(200);
  });

  it.each(["/v1/short-interest/HK.00700", "/v1/short-interest?symbols=HK.00700", "/openapi.json"])(
    "at %s is a 304 by RFC 9110, 13.1.2: *, a list, and weak comparison",
    async (path) => {
      const service = await startService();
      const tag = (await service.get(path)).headers.get("ETag") ?? "";
      const statusOf = async (ifNoneMatch: string, method = "GET") =>
        (await service.get(path, { method, headers: { "If-None-Match": ifNoneMatch } })).status;
      for (const { ifNoneMatch, status } of ifNoneMatchCases(tag)) {
        expect(await statusOf(ifNoneMatch), ifNoneMatch).toBe(status);
        expect(await statusOf(ifNoneMatch, "HEAD"), ifNoneMatch).toBe(status);
      }
    },
  );

  it("is a problem despite If-None-Match: * if the request is invalid", async () => {
    const response = await get(await startService(), "?num=0", { "If-None-Match": "*" });
    expect(response.status).toBe(400);
  });

  it("has CORS headers, as has a problem", async () => {
    const service = await startService();
    for (const path of ["/v1/short-interest/HK.00700", "/v1/short-interest/nonsense"]) {
      const response = await service.get(path, { headers: { Origin: "https://app.example" } });
      expect(response.headers.get("Access-Control-Allow-Origin")).toBe("*");
      expect(response.headers.get("Access-Control-Expose-Headers")).toContain("Retry-After");
      expect(response.headers.get("X-Content-Type-Options")).toBe("nosniff");
      expect(response.headers.get("Content-Security-Policy")).toMatch(/^default-src 'none'/);
    }
    const preflight = await service.get("/v1/short-interest/HK.00700", {
      method: "OPTIONS",
      headers: { Origin: "https://app.example", "Access-Control-Request-Method": "GET" },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("Access-Control-Allow-Methods")).toContain("GET");
  });

  it("has CORS headers for ALLOWED_ORIGINS only", async () => {
    const service = await startService({}, { ALLOWED_ORIGINS: "https://a.example, https://b.example" });
    const allowed = async (origin: string) =>
      (await get(service, "", { Origin: origin })).headers.get("Access-Control-Allow-Origin");
    expect(await allowed("https://b.example")).toBe("https://b.example");
    expect(await allowed("https://c.example")).toBeNull();
    const wrong = await startService({}, { ALLOWED_ORIGINS: "example.com" });
    const misconfigured = await get(wrong, "", { Origin: "https://a.example" });
    expect(misconfigured.headers.get("Access-Control-Allow-Origin")).toBe("*");
    expect(await misconfigured.json()).toMatchObject({
      code: "misconfigured",
      parameter: "ALLOWED_ORIGINS",
    });
  });
});
