import { describe, expect, it } from "vitest";
import { type Service, startService } from "../support/service.ts";

const SYMBOLS = [
  "00700",
  "HK.",
  "HK.123456",
  "HK.7a",
  "US.A%00B",
  "US.A..B",
  "U%C5%BF.AAPL",
  "US.%C4%B1BM",
  "US.%E2%82%AC",
  `US.${"A".repeat(21)}`,
  "%E0%A4%A",
  "US.AAPL%2Fhistory",
  "..%2F",
  "%FF",
  "US.%FF",
  "US.AAPL%C0%AF",
  "US.AAPL%ED%A0%80",
  "US.AAPL%EF%BF%BD",
];
const MARKETS = ["SH.600000", "JP.7203"];
const DAYS = [
  "",
  "today",
  "2026-4-30",
  "2026-02-30",
  "2026-13-01",
  "20260430",
  "2026-04-30T00:00",
  "1777478400",
];
const CURSORS = ["%00", "a%0Ab", "a%C2%85b", "1".repeat(257), "%EF%BF%BD", "a\ufffdb"];
const NUMBERS = ["0", "51", "1.5", "abc", "", "-1", "1e1", "010", "%2B5", "99999999999", "%D9%A5"];
const FORMATS = ["xml", "", "JSON", "toString", "csv,json"];
const INCLUDED = ["", "all", "timestamp", "FIRST_SEEN_AT", "first_seen_at,first_seen_at"];
const LISTS = [
  "",
  ",",
  "US.AAPL,",
  "US.AAPL,,US.TSLA",
  Array.from({ length: 51 }, (_, index) => `US.T${index}`).join(),
  "A".repeat(2_001),
];

/** Not UTF-8: a lone byte, an overlong slash, surrogates, a truncated sequence, a percent sign without hex digits. */
const NOT_UTF8 = [
  "%FF",
  "1%FF",
  "%C0%AF",
  "%ED%A0%80",
  "%ED%BF%BF",
  "%F4%90%80%80",
  "%E2%82",
  "%",
  "100%",
  "%zz",
];

/** Invalid values of each query parameter, by the paths of /openapi.json. */
const BAD: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  "/v1/short-interest/{symbol}": { num: NUMBERS, next_key: CURSORS, format: FORMATS, include: INCLUDED },
  "/v1/short-interest/{symbol}/history": {
    from: DAYS,
    to: DAYS,
    order: ["", "ASC", "newest", "asc,desc"],
    next_key: CURSORS,
    format: [...FORMATS, "protobuf"],
    include: INCLUDED,
  },
  "/v1/short-interest": { symbols: LISTS },
};

async function expectInvalid(service: Service, path: string, code: string, parameter: string): Promise<void> {
  const response = await service.get(path);
  expect(response.status, path).toBe(400);
  expect(response.headers.get("Content-Type")).toBe("application/problem+json");
  expect(response.headers.get("Cache-Control")).toBe("no-store");
  expect(await response.json(), path).toMatchObject({ code, parameter, status: 400 });
}

describe.each(Object.entries(BAD))("%s", (template, parameters) => {
  const route = template.replace("{symbol}", "US.AAPL");
  const required = template.includes("{symbol}") ? "" : "symbols=US.AAPL&";

  it.each(Object.entries(parameters))(
    "rejects invalid values of %s without a request to Upstash",
    async (name, values) => {
      const service = await startService();
      for (const value of values) {
        await expectInvalid(service, `${route}?${name}=${value}`, "invalid_parameter", name);
      }
      if (name !== "symbols") {
        const [valid] = name === "from" || name === "to" ? ["2026-01-01"] : ["1"];
        await expectInvalid(service, `${route}?${name}=${valid}&${name}=${valid}`, "invalid_parameter", name);
      }
      expect(await service.upstash.requests()).toBe(0);
    },
  );

  it.each(Object.keys(parameters))("rejects a %s that is not percent-encoded UTF-8", async (name) => {
    const service = await startService();
    for (const value of NOT_UTF8) {
      await expectInvalid(service, `${route}?${name}=${value}`, "invalid_parameter", name);
      await expectInvalid(service, `${route}?${name}=${value}&${name}=1`, "invalid_parameter", name);
    }
    expect([await service.upstash.requests(), (await service.opend.stats()).upgrades]).toEqual([0, 0]);
  });

  it("rejects a parameter name that is not percent-encoded UTF-8", async () => {
    const service = await startService();
    for (const name of NOT_UTF8) {
      await expectInvalid(service, `${route}?${required}${name}=1`, "invalid_parameter", name);
      await expectInvalid(service, `${route}?${required}${name}`, "invalid_parameter", name);
    }
  });

  it("rejects unknown parameters", async () => {
    const service = await startService();
    for (const name of ["nextKey", "limit", "__proto__", "constructor", "%F0%9F%98%80", "toString"]) {
      const parameter = decodeURIComponent(name);
      await expectInvalid(service, `${route}?${required}${name}=1`, "invalid_parameter", parameter);
    }
    expect(await service.upstash.requests()).toBe(0);
  });

  it("rejects invalid symbols and unsupported markets", async () => {
    if (!template.includes("{symbol}")) return;
    const service = await startService();
    for (const symbol of SYMBOLS) {
      await expectInvalid(service, template.replace("{symbol}", symbol), "invalid_symbol", "symbol");
    }
    for (const symbol of MARKETS) {
      await expectInvalid(service, template.replace("{symbol}", symbol), "unsupported_market", "symbol");
    }
    expect(await service.upstash.requests()).toBe(0);
  });
});

it("the problem names from after to, a missing symbols and an unknown parameter", async () => {
  const service = await startService();
  const path = "/v1/short-interest/US.AAPL/history?from=2026-02-01&to=2026-01-31";
  await expectInvalid(service, path, "invalid_parameter", "from");
  await expectInvalid(service, "/v1/short-interest", "invalid_parameter", "symbols");
  const missing = await service.get("/v1/short-interest");
  expect(await missing.json()).toMatchObject({ detail: "symbols is missing" });
  const unknown = await service.get("/v1/short-interest?symbols=US.NONE&format=csv");
  expect(await unknown.json()).toMatchObject({
    parameter: "format",
    detail: expect.stringMatching(/^Unknown parameter: expected symbols$/),
  });
});

it("this file has invalid values for each query parameter of /openapi.json", async () => {
  const response = await (await startService()).get("/openapi.json");
  const { paths } = await response.json<{
    paths: Record<string, { get?: { parameters?: { name: string; in: string }[] } }>;
  }>();
  for (const [template, { get }] of Object.entries(paths)) {
    const names =
      get?.parameters?.filter((parameter) => parameter.in === "query").map(({ name }) => name) ?? [];
    expect(names.sort()).toEqual(Object.keys(BAD[template] ?? {}).sort());
  }
});
