import fc from "fast-check";
import { expect, it } from "vitest";
import { startGateway } from "./support/gateway.ts";

/** Requests of all kinds, most of them nearly right. */

const RUNS = 10_000;

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 });
const odd = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }).map((text) => encodeURIComponent(text.toWellFormed())),
  fc.string({ unit: fc.constantFrom(..."%0f/?&=.:,-+\\'\"<>{}é"), maxLength: 20 }),
);
const symbol = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom("HK.00700", "US.AAPL", "US.NONE", "us.brk.b", "US.NOSUCH", "HK.7"),
  },
  { weight: 2, arbitrary: odd },
  { weight: 1, arbitrary: fc.constantFrom("JP.7203", "US.", ".", "..", "%2e%2e", "HK.00700%00") },
);
const segment = fc.oneof(
  fc.constantFrom("v1", "short-interest", "history", "healthz", "problems", "docs", "mcp"),
  odd,
);
const path = fc.oneof(
  { weight: 4, arbitrary: symbol.map((each) => `/v1/short-interest/${each}`) },
  { weight: 4, arbitrary: symbol.map((each) => `/v1/short-interest/${each}/history`) },
  { weight: 2, arbitrary: fc.constant("/v1/short-interest") },
  { weight: 1, arbitrary: fc.constant("/mcp") },
  { weight: 1, arbitrary: odd.map((code) => `/problems/${code}`) },
  { weight: 1, arbitrary: fc.array(segment, { maxLength: 5 }).map((segments) => `/${segments.join("/")}`) },
);
const value = fc.oneof(
  fc.constantFrom(
    "1",
    "50",
    "0",
    "-1",
    "csv",
    "ndjson",
    "asc",
    "desc",
    "2026-04-30",
    "2026-02-30",
    "1777478400",
  ),
  fc.constantFrom("US.AAPL,HK.00700", "US.T1,US.T2,x", "protobuf", "json", "99999999999999999999", "NaN"),
  odd,
);
const name = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom("num", "next_key", "format", "from", "to", "order", "symbols") },
  { weight: 1, arbitrary: odd },
);
const query = fc
  .array(fc.tuple(name, value), { maxLength: 4 })
  .map((pairs) => pairs.map(([each, text]) => `${each}=${text}`).join("&"));
const headerValue = fc.string({ unit: "grapheme-ascii", maxLength: 60 });
const headers = fc.record({
  Accept: maybe(
    fc.oneof(fc.constantFrom("text/csv", "application/json;q=x", "*/*;q=0", ",;,", "a/b"), headerValue),
  ),
  "If-None-Match": maybe(fc.oneof(fc.constantFrom("*", '"', 'W/""'), headerValue)),
  Origin: maybe(headerValue),
  Authorization: maybe(headerValue),
  "X-Request-Id": maybe(headerValue),
  "CF-Connecting-IP": maybe(fc.oneof(fc.ipV4(), fc.ipV6(), headerValue)),
  "Content-Type": maybe(fc.constantFrom("application/json", "application/json; charset=x", "text/plain")),
  "MCP-Protocol-Version": maybe(fc.constantFrom("2026-07-28", "2025-11-25", "x")),
  "Mcp-Method": maybe(fc.constantFrom("tools/list", "tools/call")),
  "Access-Control-Request-Method": maybe(headerValue),
});
const rpc = fc.record({
  jsonrpc: fc.constant("2.0"),
  id: maybe(fc.oneof(fc.integer(), fc.string(), fc.jsonValue())),
  method: fc.constantFrom("initialize", "ping", "tools/list", "tools/call", "server/discover", "x"),
  params: maybe(
    fc.oneof(
      fc.record({
        name: fc.constantFrom(
          "get_short_interest",
          "get_short_interest_history",
          "compare_short_interest",
          "x",
        ),
        arguments: maybe(
          fc.record({ symbol: maybe(symbol), symbols: maybe(fc.array(symbol)), num: maybe(fc.jsonValue()) }),
        ),
        _meta: maybe(
          fc.record({
            "io.modelcontextprotocol/protocolVersion": fc.oneof(fc.constant("2026-07-28"), fc.jsonValue()),
            "io.modelcontextprotocol/clientCapabilities": fc.oneof(fc.constant({}), fc.jsonValue()),
          }),
        ),
      }),
      fc.jsonValue(),
    ),
  ),
});
const request = fc.record({
  path,
  query,
  method: fc.oneof(
    { weight: 8, arbitrary: fc.constant("GET") },
    {
      weight: 4,
      arbitrary: fc.constantFrom("HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH", "PROPFIND"),
    },
  ),
  headers,
  body: fc.oneof(
    rpc.map((message) => JSON.stringify(message)),
    fc.string({ maxLength: 30 }),
  ),
});

it(`answers ${RUNS} requests of all kinds, none with a 500`, { timeout: 120_000 }, async () => {
  const gateway = await startGateway({}, { UPSTREAM_WAIT_MS: "0" });
  const statuses = new Map<number, number>();
  await fc.assert(
    fc.asyncProperty(request, async ({ path: to, query: asked, method, headers: given, body }) => {
      const sent = Object.entries(given).filter((pair): pair is [string, string] => pair[1] !== undefined);
      const bodiless = method === "GET" || method === "HEAD";
      const response = await gateway.get(`${to}?${asked}`, {
        method,
        headers: sent,
        ...(bodiless ? {} : { body }),
      });
      statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
      // A made-up cursor is refused by OpenD itself, which is a 502.
      expect([500, 503, 504]).not.toContain(response.status);
      expect(response.headers.get("X-Request-Id")).toMatch(/^[\w=-]+$/);
      expect(response.headers.has("Cache-Control")).toBe(true);
      const text = response.status === 304 ? "" : await response.text();
      if (response.headers.get("Content-Type") === "application/problem+json" && method !== "HEAD") {
        expect(JSON.parse(text)).toMatchObject({ status: response.status, code: expect.any(String) });
      }
    }),
    { numRuns: RUNS },
  );
  // Nearly right is not all wrong.
  for (const status of [200, 204, 400, 404, 405, 406, 429]) expect(statuses.get(status)).toBeGreaterThan(0);
  await expect.poll(async () => (await gateway.opend.stats()).connections).toBe(0);
  expect((await gateway.opend.stats()).refused).toBe(0);
});
