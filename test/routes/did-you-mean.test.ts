import { describe, expect, it } from "vitest";
import { type Service, startService } from "../support/service.ts";
import { startWebhookService } from "../support/webhook-service.ts";

interface Problem {
  readonly code: string;
  readonly did_you_mean?: readonly string[];
}

const TYPED: readonly (readonly [text: string, symbols: readonly string[]])[] = [
  ["AAPL", ["US.AAPL"]],
  ["TSLA.US", ["US.TSLA"]],
  ["BRK.B", ["US.BRK.B"]],
  ["700", ["HK.00700"]],
  ["0700.HK", ["HK.00700"]],
  ["７００", ["HK.00700"]],
  ["700.US", ["US.700", "HK.00700"]],
];

const path = (symbol: string) => `/v1/short-interest/${encodeURIComponent(symbol)}`;

async function toolError(service: Service, name: string, args: object): Promise<Problem> {
  const body = JSON.stringify({
    jsonrpc: "2.0",
    id: 1,
    method: "tools/call",
    params: { name, arguments: args },
  });
  const headers = { "Content-Type": "application/json" };
  const response = await service.get("/mcp", { method: "POST", headers, body });
  const { result } = await response.json<{ result: { isError: true; content: [{ text: string }] } }>();
  expect(result.isError).toBe(true);
  return JSON.parse(result.content[0].text);
}

describe("did_you_mean", () => {
  it.each(TYPED)("of a page and a history of %s is %j, at no cost", async (text, symbols) => {
    const service = await startService();
    for (const route of [path(text), `${path(text)}/history`]) {
      const problem = await (await service.get(route)).json<Problem>();
      expect(problem).toMatchObject({ code: "invalid_symbol", did_you_mean: symbols });
    }
    expect([await service.upstash.requests(), (await service.opend.stats()).upgrades]).toEqual([0, 0]);
  });

  it("is in the error of each item of a list", async () => {
    const service = await startService();
    const texts = TYPED.map(([text]) => text);
    const response = await service.get(`/v1/short-interest?symbols=${texts.map(encodeURIComponent)}`);
    const { items } = await response.json<{ items: { error: Problem }[] }>();
    expect(items.map(({ error }) => error.did_you_mean)).toEqual(TYPED.map(([, symbols]) => symbols));
  });

  it("is in the error of an MCP tool", async () => {
    const service = await startService();
    for (const name of ["get_short_interest", "get_short_interest_history"]) {
      const problem = await toolError(service, name, { symbol: "0700.HK" });
      expect(problem).toMatchObject({ code: "invalid_symbol", did_you_mean: ["HK.00700"] });
    }
  });

  it("is in the refusal of a webhook", async () => {
    const service = await startWebhookService();
    const body = { url: "https://example.com/", symbols: ["US.AAPL", "700"] };
    expect(await (await service.request("POST", "", body)).json()).toMatchObject({
      code: "invalid_symbol",
      did_you_mean: ["HK.00700"],
    });
  });

  it.each(["nonsense", "<script>", "HK.7a", "US.A..B", "x".repeat(1_000)])(
    "is absent for %.20s, and the problem does not repeat the text",
    async (text) => {
      const body = await (await (await startService()).get(path(text))).text();
      expect(JSON.parse(body)).toMatchObject({ code: "invalid_symbol" });
      expect(body).not.toContain("did_you_mean");
      expect(body).not.toContain(text);
    },
  );
});
