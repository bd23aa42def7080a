import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { mayOwnWebhooks } from "../../functions/http/auth.ts";
import { logLines } from "../support/log.ts";
import { type Service, startService } from "../support/service.ts";
import { sha256 } from "../support/sha256.ts";

/** Keys for URLs: which requests they open, and that nothing stores or repeats them. */

const KEY = "si_a-key-for-urls";
const OTHER = "si_another-key-for-urls";
const HEADER_KEY = "si_a-key-for-headers";
const DIGEST = await sha256(KEY);
const API_KEYS = [
  `sheet:${DIGEST}:url`,
  `other:${await sha256(OTHER)}:url`,
  `reader:${await sha256(HEADER_KEY)}`,
].join();
const PAGE = "/v1/short-interest/HK.00700";
const READS = [
  PAGE,
  `${PAGE}?format=csv&num=3`,
  `${PAGE}/history?format=csv`,
  "/v1/short-interest?symbols=HK.00700",
];
const SECRET_KEY = btoa("k".repeat(32));

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const start = (vars: Record<string, unknown> = {}) => startService({}, { API_KEYS, ...vars });
const withKey = (path: string, key: string) => `${path}${path.includes("?") ? "&" : "?"}key=${key}`;
const problemOf = async (response: Response) => [
  response.status,
  (await response.json<{ code: string }>()).code,
];

/** Where a key could be seen after a request: all that the response and the log have. */
async function traceOf(response: Response): Promise<string> {
  return JSON.stringify([[...response.headers], await response.text(), logLines()]);
}

describe("a key for URLs", () => {
  it.each(READS)("reads %s as ?key= and in a header", async (path) => {
    const service = await start();
    const [fromUrl, fromHeader] = [
      await service.get(withKey(path, KEY)),
      await service.get(path, { headers: { "X-API-Key": KEY } }),
    ];
    expect([fromUrl.status, fromHeader.status]).toEqual([200, 200]);
    expect(await fromUrl.text()).toBe(await fromHeader.text());
    expect(fromUrl.headers.get("Cache-Control")).toBe("private, no-store");
    expect(JSON.parse(logLines()[0] ?? "")).toMatchObject({ key: "sheet", status: 200 });
  });

  it("reads with HEAD", async () => {
    const response = await (await start()).get(withKey(PAGE, KEY), { method: "HEAD" });
    expect([response.status, response.headers.get("Cache-Control")]).toEqual([200, "private, no-store"]);
  });

  it.each([
    ["a key without the mark", HEADER_KEY],
    ["an unknown key", "si_unknown"],
    ["a repeated key", `${KEY}&key=${KEY}`],
    ["the digest of a key", DIGEST],
  ])("is not %s: it is refused like a wrong key, and counted", async (_, key) => {
    const counted: string[] = [];
    const limit = async (options: { key: string }) => ({ success: counted.push(options.key) > 0 });
    const service = await start({ REQUESTS_PER_CLIENT: { limit } });
    const response = await service.get(withKey(PAGE, key), { headers: { "CF-Connecting-IP": "192.0.2.1" } });
    const wrong = await service.get(PAGE, { headers: { "X-API-Key": "x", "CF-Connecting-IP": "192.0.2.1" } });
    expect(response.status).toBe(401);
    expect(await response.json()).toEqual(await wrong.json());
    expect(counted).toEqual(["192.0.2.1", "192.0.2.1"]);
    expect((await service.opend.stats()).upgrades).toBe(0);
  });

  it("is missing if it is empty", async () => {
    const response = await (await start()).get(withKey(PAGE, ""));
    expect(await response.json()).toMatchObject({
      code: "unauthorized",
      detail: expect.stringMatching(/^Missing API key/),
    });
  });

  it("counts as requests of its own: not those of its address or of another key", async () => {
    const counted: string[] = [];
    const limit = async ({ key }: { key: string }) => ({ success: counted.push(key) > 0 });
    const service = await start({ REQUESTS_PER_KEY: { limit }, REQUESTS_PER_CLIENT: { limit } });
    for (const key of [KEY, KEY, OTHER]) await service.get(withKey(PAGE, key));
    expect(counted).toEqual(["key:sheet", "key:sheet", "key:other"]);
  });

  it("in the URL does not matter if a header has a key", async () => {
    const service = await start();
    const status = async (inUrl: string, inHeader: string) =>
      (await service.get(withKey(PAGE, inUrl), { headers: { "X-API-Key": inHeader } })).status;
    expect(await status("wrong", HEADER_KEY)).toBe(200);
    expect(await status(KEY, "wrong")).toBe(401);
  });

  it("in the URL of a request with a body leaves the body as it is", async () => {
    const response = await (await start()).get(withKey("/mcp", KEY), {
      method: "POST",
      headers: { "X-API-Key": HEADER_KEY, "Content-Type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 7, method: "ping" }),
    });
    expect([response.status, await response.json()]).toMatchObject([200, { id: 7 }]);
  });

  it("owns no webhooks: those of a key with its name become inactive", () => {
    const apiKeys = [
      { name: "sheet", digest: new Uint8Array(32), forUrls: true },
      { name: "reader", digest: new Uint8Array(32) },
    ];
    expect(["key:sheet", "key:reader"].map((client) => mayOwnWebhooks(client, { apiKeys }))).toEqual([
      false,
      true,
    ]);
  });

  it("has an entry with the mark instead of the digest for OpenD's clients", async () => {
    for (const keys of [`sheet:${DIGEST}:url:url`, `sheet:${DIGEST}:URL`]) {
      const response = await (await startService({}, { API_KEYS: keys })).get(withKey(PAGE, KEY));
      expect(await problemOf(response)).toEqual([500, "misconfigured"]);
    }
  });
});

describe("a response to ?key=", () => {
  it("has a Link without the key, which continues with the key in a header or added again", async () => {
    const service = await start();
    const response = await service.get(withKey(`${PAGE}?num=3`, KEY));
    const [, next = ""] = /<([^>]+)>/.exec(response.headers.get("Link") ?? "") ?? [];
    expect(next).toMatch(/^\/v1\/short-interest\/HK\.00700\?num=3&next_key=\d+$/);
    expect((await service.get(withKey(next, KEY))).status).toBe(200);
    expect(await traceOf(response)).not.toContain(KEY);
  });

  it("is a 304 for If-None-Match, and may not be stored either", async () => {
    const service = await start();
    const etag = (await service.get(withKey(PAGE, KEY))).headers.get("ETag") ?? "";
    const response = await service.get(withKey(PAGE, KEY), { headers: { "If-None-Match": etag } });
    expect([response.status, response.headers.get("Cache-Control")]).toEqual([304, "private, no-store"]);
  });

  it.each([
    ["an unknown parameter", `${PAGE}?nonsense=1`, KEY, 400],
    ["an unknown symbol", "/v1/short-interest/US.NOSUCH", KEY, 404],
    ["an unknown path", "/v1/nonsense", KEY, 401],
    ["a wrong key", PAGE, "si_wrong", 401],
  ])("is a problem without the key for %s", async (_, path, key, status) => {
    const response = await (await start()).get(withKey(path, key));
    expect([response.status, response.headers.get("Cache-Control")]).toEqual([status, "private, no-store"]);
    expect(await traceOf(response)).not.toContain(key);
  });

  it("has the CORS headers of the same request without it", async () => {
    const service = await start({ ALLOWED_ORIGINS: "https://app.example" });
    for (const Origin of ["https://app.example", "https://evil.example"]) {
      const [open, plain] = [
        await service.get(withKey(PAGE, KEY), { headers: { Origin } }),
        await service.get(PAGE, { headers: { Origin, "X-API-Key": HEADER_KEY } }),
      ];
      const name = "Access-Control-Allow-Origin";
      expect(open.headers.get(name)).toBe(plain.headers.get(name));
    }
  });

  it("of a public service ignores the key, and may not be stored", async () => {
    const response = await (await startService()).get(withKey(PAGE, "anything"));
    expect([response.status, response.headers.get("Cache-Control")]).toEqual([200, "private, no-store"]);
  });
});

describe("caches", () => {
  const VERSION = { CF_VERSION_METADATA: { id: "one" } };

  /** Spies on the Cache API. Returns the URLs that were used. */
  function cacheUrls(): string[] {
    const urls: string[] = [];
    const note = (request: unknown) => {
      urls.push(decodeURIComponent(request instanceof Request ? request.url : String(request)));
    };
    const { match, put } = caches.default;
    vi.spyOn(caches.default, "match").mockImplementation((request, options) => {
      note(request);
      return match.call(caches.default, request, options);
    });
    vi.spyOn(caches.default, "put").mockImplementation((request, response) => {
      note(request);
      return put.call(caches.default, request, response);
    });
    return urls;
  }

  it("get no URL with the key, and neither serve nor store finished responses for it", async () => {
    const service = await start(VERSION);
    const urls = cacheUrls();
    for (let times = 0; times < 3; times += 1) await service.get(withKey(PAGE, KEY));
    expect(urls.length).toBeGreaterThan(0);
    expect(urls.filter((url) => url.includes(KEY) || new URL(url).pathname === "/response")).toEqual([]);
  });

  it("serve a page to a header key after ?key=, and the other way round, each with its own headers", async () => {
    const service = await start(VERSION);
    const inHeader = () => service.get(PAGE, { headers: { "X-API-Key": HEADER_KEY } });
    const inUrl = () => service.get(withKey(PAGE, KEY));
    const bodies = new Set<string>();
    for (const request of [inUrl, inHeader, inUrl, inHeader, inHeader, inUrl]) {
      const response = await request();
      expect(response.headers.get("Cache-Control")).toMatch(
        request === inUrl ? /^private, no-store$/ : /^private, max-age=/,
      );
      bodies.add(await response.text());
    }
    expect(bodies.size).toBe(1);
    expect((await service.opend.stats()).calls).toBe(1);
  });

  it("serve nothing to ?key= that is wrong, although a header key has read the page", async () => {
    const service: Service = await start(VERSION);
    for (let times = 0; times < 2; times += 1)
      await service.get(PAGE, { headers: { "X-API-Key": HEADER_KEY } });
    expect(await problemOf(await service.get(withKey(PAGE, HEADER_KEY)))).toEqual([401, "unauthorized"]);
    expect(await problemOf(await service.get(PAGE))).toEqual([401, "unauthorized"]);
  });
});

describe("a key for URLs opens nothing but reading:", () => {
  it.each([
    ["GET", "/v1/webhooks"],
    ["POST", "/v1/webhooks"],
    ["GET", "/v1/short-interestx"],
    ["POST", PAGE],
    ["DELETE", "/v1/short-interest"],
    ["POST", "/mcp"],
    ["GET", "/readyz"],
    ["GET", "/metrics"],
  ])("%s %s is refused in the URL and in a header", async (method, path) => {
    const service = await start({ WEBHOOK_SECRET_KEY: SECRET_KEY });
    for (const request of [
      service.get(withKey(path, KEY), { method }),
      service.get(path, { method, headers: { Authorization: `Bearer ${KEY}` } }),
    ]) {
      expect(await problemOf(await request)).toEqual([401, "unauthorized"]);
    }
  });

  it("a connection to /tcp is refused in the URL and in a header", async () => {
    const service = await start();
    const [inUrl, inHeader] = [
      await service.connect({}, withKey("/tcp", KEY)),
      await service.connect({ "X-API-Key": KEY }, "/tcp"),
    ];
    expect([inUrl.status, inHeader.status]).toEqual([401, 401]);
    expect((await service.connect({ "X-API-Key": HEADER_KEY }, "/tcp")).status).toBe(101);
  });
});
