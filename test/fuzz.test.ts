import fc from "fast-check";
import { expect, it } from "vitest";
import { startService } from "./support/service.ts";

/** Random requests, most of them nearly valid. */

const RUNS = 10_000;

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 });
const odd = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }).map((text) => encodeURIComponent(text.toWellFormed())),
  fc.string({ unit: fc.constantFrom(..."%0f/?&=.:,-+\\'\"<>{}é"), maxLength: 20 }),
  // Percent-encodings that are not UTF-8.
  fc.constantFrom("%FF", "1%FF", "%C0%AF", "%ED%A0%80", "%F4%90%80%80", "%E2%82"),
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
  { weight: 4, arbitrary: symbol.map((text) => `/v1/short-interest/${text}`) },
  { weight: 4, arbitrary: symbol.map((text) => `/v1/short-interest/${text}/history`) },
  { weight: 2, arbitrary: fc.constant("/v1/short-interest") },
  { weight: 1, arbitrary: fc.constant("/mcp") },
  { weight: 1, arbitrary: fc.constant("/") },
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
  .map((pairs) => pairs.map(([key, text]) => `${key}=${text}`).join("&"));
const longHeader = fc
  .tuple(fc.constantFrom("a,", "text/csv;q=0.5,", "ja;q=", ";,", '"\\'), fc.constantFrom(1_000, 120_000))
  .map(([part, length]) => part.repeat(length / part.length));
const headerValue = fc.string({ unit: "grapheme-ascii", maxLength: 60 });
const headers = fc.record({
  Accept: maybe(
    fc.oneof(
      fc.constantFrom("text/csv", "application/json;q=x", "*/*;q=0", ",;,", "a/b"),
      headerValue,
      longHeader,
    ),
  ),
  "Accept-Language": maybe(fc.oneof(fc.constantFrom("ja", "fr, zh;q=0.5"), headerValue, longHeader)),
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

/** Stands in for Cloudflare's static assets. */
const ASSETS = { fetch: async () => new Response("<!doctype html>", { headers: { ETag: '"page"' } }) };

function isUtf8({ search }: URL): boolean {
  try {
    decodeURIComponent(search);
    return true;
  } catch {
    return false;
  }
}

it(`${RUNS} random requests never return 500, 503 or 504`, { timeout: 120_000 }, async () => {
  const service = await startService({}, { UPSTREAM_WAIT_MS: "0", ASSETS });
  const statuses = new Map<number, number>();
  await fc.assert(
    fc.asyncProperty(request, async ({ path: to, query: search, method, headers: fields, body }) => {
      const sent = Object.entries(fields).filter((pair): pair is [string, string] => pair[1] !== undefined);
      const bodiless = method === "GET" || method === "HEAD";
      const response = await service.get(`${to}?${search}`, {
        method,
        headers: sent,
        ...(bodiless ? {} : { body }),
      });
      statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
      // OpenD refuses an invented cursor: 502.
      expect([500, 503, 504]).not.toContain(response.status);
      expect(response.headers.get("X-Request-Id")).toMatch(/^[\w=-]+$/);
      expect(response.headers.has("Cache-Control")).toBe(true);
      const url = new URL(`${service.origin}${to}?${search}`);
      const reachesOpend = url.pathname.startsWith("/v1/") && [200, 429, 502].includes(response.status);
      if (reachesOpend && method !== "OPTIONS") expect(isUtf8(url), url.search).toBe(true);
      const text = response.status === 304 ? "" : await response.text();
      if (response.headers.get("Content-Type") === "application/problem+json" && method !== "HEAD") {
        expect(JSON.parse(text)).toMatchObject({ status: response.status, code: expect.any(String) });
      }
    }),
    { numRuns: RUNS },
  );
  // The requests reach all kinds of responses.
  for (const status of [200, 204, 400, 404, 405, 406, 429]) expect(statuses.get(status)).toBeGreaterThan(0);
  await expect.poll(async () => (await service.opend.stats()).connections).toBe(0);
  expect((await service.opend.stats()).refused).toBe(0);
});

it("MCP responses have exactly the id of the request, or reject it", async () => {
  const service = await startService();
  const number = fc.oneof(fc.integer(), fc.double(), fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }));
  const id = fc.oneof(
    fc.string({ unit: "binary" }).map((text) => JSON.stringify(text)),
    number.map(String).filter((text) => !/[IN]/.test(text)),
    fc.constantFrom("1e999", "-1e999", "1e308", "-0", "null", "true", "{}", "[]"),
  );
  const headers = { "Content-Type": "application/json" };
  await fc.assert(
    fc.asyncProperty(id, async (text) => {
      const body = `{"jsonrpc":"2.0","id":${text},"method":"ping"}`;
      const response = await service.get("/mcp", { method: "POST", headers, body });
      const [, returned = ""] =
        /^\{"jsonrpc":"2.0","id":(.*),"(?:result|error)":/.exec(await response.text()) ?? [];
      if (response.status === 400)
        expect([returned, Number.isSafeInteger(JSON.parse(text))]).toEqual(["null", false]);
      else if (text.startsWith('"')) expect(JSON.parse(returned)).toBe(JSON.parse(text));
      else expect(BigInt(returned)).toBe(BigInt(text));
    }),
    { numRuns: 1_000 },
  );
});

it("If-None-Match returns 304 if and only if it contains the ETag of the page", async () => {
  const service = await startService();
  const path = "/v1/short-interest/HK.00700";
  const own = (await service.get(path)).headers.get("ETag") ?? "";
  const other = fc
    .string({ unit: "grapheme-ascii", maxLength: 50 })
    .map((text) => `"${text.replaceAll('"', "")}"`);
  const tag = fc.oneof({ weight: 4, arbitrary: other }, { weight: 1, arbitrary: fc.constant(own) });
  const entry = fc.tuple(fc.constantFrom("", "W/"), tag, fc.constantFrom(",", ", ", " ,\t"));
  await fc.assert(
    fc.asyncProperty(fc.array(entry, { minLength: 1, maxLength: 10 }), async (entries) => {
      const list = entries.map((parts) => parts.join("")).join("");
      const response = await service.get(path, { headers: { "If-None-Match": list } });
      expect(response.status).toBe(entries.some(([, value]) => value === own) ? 304 : 200);
    }),
    { numRuns: 500 },
  );
});
