import { Client, type ClientOptions, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LocalService, startPlainService } from "../support/local-service.ts";

/** The official MCP client, in each mode of version negotiation. */

const KEY = "key";
const DIGEST = "2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683";

let service: LocalService;

beforeAll(async () => {
  service = await startPlainService(
    {},
    { API_KEYS: `me:${DIGEST}`, CLIENT_SHARE: "30", SUBREQUEST_LIMIT: "10000" },
  );
}, 60_000);

afterAll(() => service?.close());

const MODES = [
  ["the handshake", {}, "2025-11-25"],
  ["revision 2025-03-26", { supportedProtocolVersions: ["2025-03-26"] }, "2025-03-26"],
  ["automatic negotiation", { versionNegotiation: { mode: "auto" } }, "2026-07-28"],
  ["the stateless version", { versionNegotiation: { mode: { pin: "2026-07-28" } } }, "2026-07-28"],
] satisfies [string, ClientOptions, string][];

describe.each(MODES)("MCP client with %s", (_, options: ClientOptions, version) => {
  let client: Client;

  beforeAll(async () => {
    client = new Client({ name: "test", version: "1" }, options);
    const transport = new StreamableHTTPClientTransport(new URL("/mcp", service.origin), {
      requestInit: { headers: { Authorization: `Bearer ${KEY}` } },
    });
    await client.connect(transport);
  });

  afterAll(() => client?.close());

  it("negotiates the newest version of its mode", () => {
    expect(client.getNegotiatedProtocolVersion()).toBe(version);
  });

  it("lists three read-only tools with inline schemas", async () => {
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual([
      "get_short_interest",
      "get_short_interest_history",
      "compare_short_interest",
    ]);
    for (const tool of tools) {
      expect(tool.inputSchema.type).toBe("object");
      expect(tool.outputSchema?.type).toBe("object");
      expect(tool.annotations?.readOnlyHint).toBe(true);
      expect(JSON.stringify(tool)).not.toContain("$ref");
    }
  });

  // The client validates results against the output schemas of the listed tools.
  const call = async (name: string, input: Record<string, unknown>) => {
    await client.listTools();
    const { structuredContent, content, isError } = await client.callTool({ name, arguments: input });
    const [first] = content;
    const text: unknown = first?.type === "text" ? JSON.parse(first.text) : undefined;
    if (!isError) expect(structuredContent).toEqual(text);
    return { text, isError };
  };

  it("get_short_interest returns a page", async () => {
    expect((await call("get_short_interest", { symbol: "HK.700", num: 1 })).text).toEqual({
      symbol: "HK.00700",
      market: "HK",
      items: [
        {
          timestamp: 1777478400,
          timestamp_str: "2026-04-30",
          aggregated_short: 51480638,
          aggregated_short_ratio: 0.56,
          close_price: 467.8,
          last_close_price: 479.2,
        },
      ],
      next_key: "1777478400",
      fetched_at: expect.any(Number),
      stale: false,
    });
  });

  it("get_short_interest_history returns a range oldest first, and 600 rows in several parts", async () => {
    const range = { symbol: "US.AAPL", from: "2026-03-01", to: "2026-04-15", order: "asc" };
    const { text } = await call("get_short_interest_history", range);
    const { items, complete } = text as { items: { timestamp_str: string }[]; complete: boolean };
    expect(items.map((row) => row.timestamp_str)).toEqual(["2026-03-13", "2026-03-31", "2026-04-15"]);
    expect(complete).toBe(true);

    const whole = await call("get_short_interest_history", { symbol: "US.ROWS600", order: "asc" });
    expect(whole.isError).toBe(true);
    expect(whole.text).toMatchObject({ code: "invalid_parameter", parameter: "from" });

    let rows = 0;
    for (let next: string | null = "", parts = 0; next !== null && parts < 9; parts += 1) {
      const part = await call("get_short_interest_history", { symbol: "US.ROWS600", next_key: next });
      const body = part.text as { items: unknown[]; next_key: string | null };
      rows += body.items.length;
      next = body.next_key;
    }
    expect(rows).toBe(600);
  });

  it("compare_short_interest returns the change or the error of each symbol", async () => {
    const { text } = await call("compare_short_interest", { symbols: ["HK.00700", "US.NOSUCH", "JP.7203"] });
    expect(text).toMatchObject({
      items: [
        { symbol: "HK.00700", change: { shares: -408117, percent: -0.79 }, error: null },
        { symbol: "US.NOSUCH", latest: null, error: { code: "unknown_symbol" } },
        { symbol: "JP.7203", latest: null, error: { code: "unsupported_market" } },
      ],
    });
  });

  it.each([
    ["get_short_interest", {}, "symbol"],
    ["get_short_interest", { symbol: "AAPL" }, "symbol"],
    ["get_short_interest", { symbol: "US.AAPL", num: 51 }, "num"],
    ["get_short_interest", { symbol: "US.AAPL", num: "5" }, "num"],
    ["get_short_interest", { symbol: "US.AAPL", count: 5 }, "count"],
    ["get_short_interest_history", { symbol: "US.AAPL", from: "2026-02-30" }, "from"],
    ["get_short_interest_history", { symbol: "US.AAPL", from: "2026-02-02", to: "2026-02-01" }, "from"],
    ["compare_short_interest", { symbols: [] }, "symbols"],
    ["compare_short_interest", { symbols: "US.AAPL" }, "symbols"],
  ])(
    "%s with %j returns invalid_parameter or invalid_symbol and names the parameter",
    async (name, input, parameter) => {
      const { text, isError } = await call(name, input);
      expect(isError).toBe(true);
      expect(text).toMatchObject({ status: 400, parameter });
      if (!(parameter in input)) expect(text).toMatchObject({ detail: `${parameter} is missing` });
    },
  );

  it("a call of an unknown tool is rejected", async () => {
    await expect(client.callTool({ name: "buy", arguments: {} })).rejects.toThrow("Unknown tool");
  });
});

it("MCP client without an API key is rejected if API_KEYS is set", async () => {
  const client = new Client({ name: "test", version: "1" });
  const transport = new StreamableHTTPClientTransport(new URL("/mcp", service.origin));
  await expect(client.connect(transport)).rejects.toThrow();
});
