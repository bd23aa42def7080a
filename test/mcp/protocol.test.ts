import { describe, expect, it } from "vitest";
import { MAX_BATCH_MESSAGES } from "../../functions/mcp/protocol.ts";
import { type Service, startService } from "../support/service.ts";

const META = "io.modelcontextprotocol/";
const META_2026 = { [`${META}protocolVersion`]: "2026-07-28", [`${META}clientCapabilities`]: {} };
const HEADERS_2026 = { "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/list" };

const post = (service: Service, body: unknown, headers: Record<string, string> = {}) =>
  service.get("/mcp", {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
const request = (method: string, params?: unknown) => ({ jsonrpc: "2.0", id: 7, method, params });

describe("MCP message", () => {
  it.each([
    ["not JSON", "{", 400, -32_700],
    ["empty", "", 400, -32_700],
    ["not an object", "7", 400, -32_600],
    ["null", "null", 400, -32_600],
    ["of another JSON-RPC version", { ...request("ping"), jsonrpc: "1.0" }, 400, -32_600],
    ["with an invalid id", { ...request("ping"), id: {} }, 400, -32_600],
    ["with an invalid method", { ...request("ping"), method: 7 }, 400, -32_600],
    ["for an unknown method", request("resources/list"), 200, -32_601],
    ["server/discover without metadata", request("server/discover"), 200, -32_601],
    ["a tool call without a name", request("tools/call"), 200, -32_602],
    ["a call of an unknown tool", request("tools/call", { name: "__proto__" }), 200, -32_602],
  ])("%s returns a JSON-RPC error", async (_, body, status, code) => {
    const response = await post(await startService(), body);
    expect(response.status).toBe(status);
    expect(response.headers.get("Cache-Control")).toBe("no-store");
    expect(await response.json()).toMatchObject({ jsonrpc: "2.0", error: { code } });
  });

  it.each(["1e999", "-1e999", "1.5", "1e-1", "9007199254740993", "-9007199254740992", "null", "true", "[1]"])(
    "with id %s, neither a string nor a safe integer, is an Invalid Request",
    async (id) => {
      const service = await startService();
      for (const method of ["ping", "nothing"]) {
        const response = await post(service, `{"jsonrpc":"2.0","id":${id},"method":"${method}"}`);
        expect(response.status).toBe(400);
        expect(await response.json()).toEqual({
          jsonrpc: "2.0",
          id: null,
          error: { code: -32_600, message: expect.any(String) },
        });
      }
    },
  );

  it.each([
    ["0", 0],
    ["-1", -1],
    ["9007199254740991", Number.MAX_SAFE_INTEGER],
    ["1e2", 100],
    ["1.0", 1],
    ['""', ""],
    ['"1.5"', "1.5"],
    ['"9007199254740993"', "9007199254740993"],
    ['"\\ud800"', "\ud800"],
    ['"é\\u0000"', "é\u0000"],
  ])("with id %s gets a response with the same id", async (text, id) => {
    const response = await post(await startService(), `{"jsonrpc":"2.0","id":${text},"method":"ping"}`);
    expect(await response.json()).toEqual({ jsonrpc: "2.0", id, result: {} });
  });

  it.each([
    [{ "MCP-Protocol-Version": "2024-01-01" }, request("tools/list"), 400, -32_022],
    [HEADERS_2026, request("tools/list"), 400, -32_602],
    [HEADERS_2026, request("tools/list", { _meta: {} }), 400, -32_602],
    [{}, request("tools/list", { _meta: META_2026 }), 400, -32_020],
    [
      { ...HEADERS_2026, "MCP-Protocol-Version": "2025-11-25" },
      request("tools/list", { _meta: META_2026 }),
      400,
      -32_020,
    ],
    [{ ...HEADERS_2026, "Mcp-Method": "ping" }, request("tools/list", { _meta: META_2026 }), 400, -32_020],
    [
      { ...HEADERS_2026, "Mcp-Method": "tools/call", "Mcp-Name": "other" },
      request("tools/call", { name: "get_short_interest", _meta: META_2026 }),
      400,
      -32_020,
    ],
    [
      { ...HEADERS_2026, "Mcp-Method": "tools/call" },
      request("tools/call", { name: "get_short_interest", _meta: META_2026 }),
      400,
      -32_020,
    ],
    [
      { ...HEADERS_2026, "MCP-Protocol-Version": "2030-01-01" },
      request("tools/list", { _meta: { ...META_2026, [`${META}protocolVersion`]: "2030-01-01" } }),
      400,
      -32_022,
    ],
    [{ ...HEADERS_2026, "Mcp-Method": "ping" }, request("ping", { _meta: META_2026 }), 404, -32_601],
  ])(
    "with headers %j and body %j returns a JSON-RPC error",
    async (headers: Record<string, string>, body, status, code) => {
      const response = await post(await startService(), body, headers);
      expect(response.status).toBe(status);
      expect(await response.json()).toMatchObject({ id: 7, error: { code } });
    },
  );

  it("that is a notification or a response returns 202 without a body", async () => {
    const service = await startService();
    for (const body of [
      { jsonrpc: "2.0", method: "notifications/initialized" },
      { jsonrpc: "2.0", id: 7, result: {} },
    ]) {
      const response = await post(service, body);
      expect(response.status).toBe(202);
      expect(await response.text()).toBe("");
    }
  });

  it("initialize negotiates a known version, or else the newest one", async () => {
    const service = await startService();
    for (const [requested, negotiated] of [
      ["2025-03-26", "2025-03-26"],
      ["2025-06-18", "2025-06-18"],
      ["1999-01-01", "2025-11-25"],
    ]) {
      const response = await post(service, request("initialize", { protocolVersion: requested }));
      expect(await response.json()).toMatchObject({ result: { protocolVersion: negotiated } });
    }
  });
});

describe("MCP message in an unsupported version", () => {
  it("gets an error that lists the versions of server/discover", async () => {
    const service = await startService();
    const discover = await post(service, request("server/discover", { _meta: META_2026 }), {
      ...HEADERS_2026,
      "Mcp-Method": "server/discover",
    });
    const { result } = await discover.json<{ result: { supportedVersions: string[] } }>();
    expect(result.supportedVersions).toContain("2026-07-28");
    for (const [version, _meta] of [
      ["2030-01-01", { ...META_2026, [`${META}protocolVersion`]: "2030-01-01" }],
      // A version of the handshake cannot be named in _meta.
      ["2025-11-25", { ...META_2026, [`${META}protocolVersion`]: "2025-11-25" }],
      ["2024-11-05", undefined],
    ] as const) {
      const response = await post(service, request("tools/list", { _meta }), {
        "MCP-Protocol-Version": version,
      });
      expect(await response.json()).toMatchObject({
        error: { code: -32_022, data: { supported: result.supportedVersions, requested: version } },
      });
    }
  });
});

describe("MCP batch", () => {
  const PAGE = { name: "get_short_interest", arguments: { symbol: "US.AAPL", num: 1 } };
  const notification = { jsonrpc: "2.0", method: "notifications/initialized" };

  it.each([{}, { "MCP-Protocol-Version": "2025-03-26" }])(
    "in version 2025-03-26 gets a response to each request, in their order: headers %j",
    async (headers: Record<string, string>) => {
      const batch = [
        { ...request("tools/call", PAGE), id: "page" },
        notification,
        { ...request("nothing"), id: 2 },
        7,
        { ...request("ping"), id: 3 },
      ];
      const response = await post(await startService(), batch, headers);
      expect(response.status).toBe(200);
      expect(await response.json()).toEqual([
        {
          jsonrpc: "2.0",
          id: "page",
          result: expect.objectContaining({ structuredContent: expect.anything() }),
        },
        { jsonrpc: "2.0", id: 2, error: { code: -32_601, message: expect.any(String) } },
        { jsonrpc: "2.0", id: null, error: { code: -32_600, message: expect.any(String) } },
        { jsonrpc: "2.0", id: 3, result: {} },
      ]);
    },
  );

  it.each([
    ["notifications", [notification, notification]],
    ["responses", [{ jsonrpc: "2.0", id: 7, result: {} }]],
  ])("of %s returns 202 without a body", async (_, batch) => {
    const response = await post(await startService(), batch);
    expect(response.status).toBe(202);
    expect(await response.text()).toBe("");
  });

  it.each([
    ["is empty", [], {}],
    ["has more messages than allowed", Array(MAX_BATCH_MESSAGES + 1).fill(request("ping")), {}],
    ["has initialize", [request("ping"), request("initialize", { protocolVersion: "2025-03-26" })], {}],
    ["is of version 2025-06-18", [request("ping")], { "MCP-Protocol-Version": "2025-06-18" }],
    ["is of version 2025-11-25", [request("ping")], { "MCP-Protocol-Version": "2025-11-25" }],
    ["is of version 2026-07-28", [request("tools/list", { _meta: META_2026 })], HEADERS_2026],
  ])(
    "that %s gets one error, and no message is handled",
    async (_, batch, headers: Record<string, string>) => {
      const response = await post(await startService(), batch, headers);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ jsonrpc: "2.0", id: null, error: { code: -32_600 } });
    },
  );

  it("with as many messages as allowed is answered", async () => {
    const response = await post(await startService(), Array(MAX_BATCH_MESSAGES).fill(request("ping")));
    expect(await response.json()).toHaveLength(MAX_BATCH_MESSAGES);
  });
});

describe("/mcp", () => {
  it("returns all digits of a number past 2^53", async () => {
    const call = request("tools/call", {
      name: "get_short_interest",
      arguments: { symbol: "US.HUGE", num: 1 },
    });
    const text = await (await post(await startService(), call)).text();
    expect(text).toContain('"structuredContent":{"symbol":"US.HUGE"');
    expect(text.split("9007199254740993")).toHaveLength(3);
  });

  it("accepts only POST, only JSON, and at most 64 KiB", async () => {
    const service = await startService();
    for (const method of ["GET", "DELETE", "PUT", "HEAD"]) {
      const response = await service.get("/mcp", { method });
      expect(response.status).toBe(405);
      expect(response.headers.get("Allow")).toBe("POST");
    }
    expect((await post(service, request("ping"), { "Content-Type": "text/plain" })).status).toBe(415);
    expect((await post(service, `"${"x".repeat(65_536)}"`)).status).toBe(413);
  });

  it("refuses web origins that are not in ALLOWED_ORIGINS", async () => {
    const service = await startService({}, { ALLOWED_ORIGINS: "https://a.example" });
    const allowed = await post(service, request("ping"), { Origin: "https://a.example" });
    expect(allowed.headers.get("Access-Control-Allow-Origin")).toBe("https://a.example");
    const other = await post(service, request("ping"), { Origin: "https://b.example" });
    expect(other.status).toBe(403);
    expect(other.headers.get("Access-Control-Allow-Origin")).toBeNull();
  });
});
