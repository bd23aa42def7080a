import { describe, expect, it } from "vitest";
import { startService } from "../support/service.ts";
import { sha256 } from "../support/sha256.ts";

/** How `/openapi.json` depends on the configuration. */

const API_KEYS = `me:${await sha256("key")}`;
const KEYS = [{ bearer: [] }, { apiKey: [] }];
const CONFIGURATIONS = [
  ["a public service", { PUBLIC_ACCESS: "yes" }, [{}, ...KEYS]],
  ["a service with keys", { API_KEYS }, KEYS],
  ["a service with keys and PUBLIC_ACCESS", { API_KEYS, PUBLIC_ACCESS: "yes" }, KEYS],
  ["an invalid configuration", { API_KEYS, OPEND_URL: "nonsense" }, [{}, ...KEYS]],
] as const;

interface Operation {
  readonly security?: readonly object[];
}
interface Document extends Operation {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

async function read(vars: Readonly<Record<string, string>>, headers: Readonly<Record<string, string>> = {}) {
  const response = await (await startService({}, vars)).get("/openapi.json", { headers });
  return { response, text: await response.text() };
}

describe.each(CONFIGURATIONS)("document of %s", (_, vars, security) => {
  it("requires a key for pages exactly if the service does", async () => {
    const document: Document = JSON.parse((await read(vars)).text);
    expect(document.security).toEqual(security);
  });

  it.each(["/readyz", "/metrics", "/v1/webhooks"])("requires a key for %s", async (path) => {
    const document: Document = JSON.parse((await read(vars)).text);
    expect(document.paths[path]?.get?.security).toEqual(KEYS);
  });

  it.each(["/healthz", "/problems/{code}", "/openapi.json"])("requires no key for %s", async (path) => {
    const document: Document = JSON.parse((await read(vars)).text);
    expect(document.paths[path]?.get?.security).toEqual([]);
  });
});

describe("document", () => {
  it("is kept by caches for an hour, and is new for the ETag from before keys were set", async () => {
    const open = await read({ PUBLIC_ACCESS: "yes" });
    const etag = open.response.headers.get("ETag") ?? "";
    expect(open.response.headers.get("Cache-Control")).toBe("public, max-age=3600");
    const unchanged = await read({ PUBLIC_ACCESS: "yes" }, { "If-None-Match": etag });
    expect(unchanged.response.status).toBe(304);
    const withKeys = await read({ API_KEYS }, { "If-None-Match": etag });
    expect(withKeys.response.status).toBe(200);
    expect(withKeys.response.headers.get("ETag")).not.toBe(etag);
  });

  it("contains neither names nor digests of keys", async () => {
    const digest = await sha256("key");
    const { text } = await read({ API_KEYS: `very-private-name:${digest}` });
    expect(text).not.toContain("very-private-name");
    expect(text).not.toContain(digest);
  });
});
