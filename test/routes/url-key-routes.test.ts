import fc from "fast-check";
import { expect, it } from "vitest";
import { logLines } from "../support/log.ts";
import { startService } from "../support/service.ts";
import { sha256 } from "../support/sha256.ts";

/** Random requests with a key for URLs: it only reads, and nothing repeats it. */

const KEY = "si_a-key-for-urls";
const RUNS = 2_000;

const READ = /^\/v1\/short-interest(\/.*)?$/;
/** Paths that never need a key. */
const OPEN = /^\/($|healthz$|(openapi|widgets|apps)\.json$|problems\/|\.well-known\/)/;

const segment = fc.oneof(
  fc.constantFrom("v1", "short-interest", "webhooks", "HK.00700", "US.NOSUCH", "history", "mcp", "tcp"),
  fc.constantFrom(
    "readyz",
    "metrics",
    "healthz",
    "openbb",
    "problems",
    "rotate",
    "test",
    "deliveries",
    "openapi.json",
  ),
  // Segments that some routers resolve to another path.
  fc.constantFrom("", ".", "..", "%2e%2e", "..%2fwebhooks", "%2F", "%252e%252e", ";", "v1%2Fwebhooks", "V1"),
);
const path = fc.oneof(
  fc.constantFrom("/v1/short-interest/HK.00700", "/v1/short-interest/US.AAPL/history"),
  fc.array(segment, { maxLength: 6 }).map((segments) => `/${segments.join("/")}`),
  fc.array(segment, { maxLength: 3 }).map((segments) => `/v1/short-interest/${segments.join("/")}`),
  fc.array(segment, { maxLength: 3 }).map((segments) => `/v1/webhooks/${segments.join("/")}`),
  fc.constantFrom("/v1/short-interest", "/mcp", "/tcp", "/readyz", "/metrics"),
);
const parameter = fc.constantFrom(
  "num=3",
  "format=csv",
  "symbols=HK.00700",
  "next_key=",
  "x=%FF",
  "lang=ja",
  "",
);
const request = fc.record({
  path,
  method: fc.constantFrom("GET", "GET", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"),
  before: fc.array(parameter, { maxLength: 2 }),
  after: fc.array(parameter, { maxLength: 2 }),
  name: fc.constantFrom("key", "key", "k%65y", "%6B%65%79"),
  place: fc.constantFrom("url", "url", "Authorization", "X-API-Key"),
  upgrade: fc.boolean(),
});

it(`${RUNS} random requests with a key for URLs only read, and nothing repeats the key`, {
  timeout: 120_000,
}, async () => {
  const API_KEYS = `sheet:${await sha256(KEY)}:url`;
  const service = await startService(
    {},
    { API_KEYS, WEBHOOK_SECRET_KEY: btoa("k".repeat(32)), CF_VERSION_METADATA: { id: "one" } },
  );
  let read = 0;
  await fc.assert(
    fc.asyncProperty(request, async ({ path, method, before, after, name, place, upgrade }) => {
      const pairs = [...before, ...(place === "url" ? [`${name}=${KEY}`] : []), ...after];
      const headers = new Headers();
      if (place !== "url") headers.set(place, place === "Authorization" ? `Bearer ${KEY}` : KEY);
      const target = `${path}?${pairs.join("&")}`.replace(/^\/\/+/, "/");
      const { pathname } = new URL(target, "https://service.test");
      // A connection to / authenticates with its login.
      if (upgrade && pathname !== "/") headers.set("Upgrade", "websocket");
      const logged = logLines().length;
      const response = await service.get(target, { method, headers });
      const text = await response.text();
      const shown = [...response.headers].flat().join("\n") + text + logLines().slice(logged).join("\n");
      expect(shown).not.toContain(KEY);
      if (place === "url") expect(response.headers.get("Cache-Control")).toMatch(/^private, no-store$/);
      const isRead = (method === "GET" || method === "HEAD") && READ.test(pathname);
      // A preflight opens nothing. Paths without a route are 404 with and without a key.
      if (method === "OPTIONS" || OPEN.test(pathname)) return;
      if (isRead) {
        expect([401, 403]).not.toContain(response.status);
        read += response.status === 200 ? 1 : 0;
      } else {
        expect(pathname.startsWith("/v1/") ? [401] : [401, 404, 405, 426]).toContain(response.status);
      }
    }),
    { numRuns: RUNS },
  );
  expect(read).toBeGreaterThan(RUNS / 50);
});
