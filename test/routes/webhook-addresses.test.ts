import { createExecutionContext } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import worker from "../../functions/index.ts";
import { startWebhookService } from "../support/webhook-service.ts";

describe("POST /v1/webhooks", () => {
  it.each([
    ["the address of OpenD", "https://opend.example/x"],
    ["the address of Upstash", "https://some.upstash.io/x"],
    ["the address of this service", "ORIGIN/v1/webhooks"],
  ])("refuses %s", async (_, url) => {
    const service = await startWebhookService();
    const vars = { OPEND_URL: "wss://opend.example", UPSTASH_REDIS_REST_URL: "https://some.upstash.io" };
    Object.assign(service.env, vars);
    const response = await service.request("POST", "", {
      url: url.replace("ORIGIN", service.origin),
      symbols: ["US.AAPL"],
    });
    expect(await response.json()).toMatchObject({
      code: "invalid_parameter",
      parameter: "url",
      detail: "url must not point to this service or its backends",
    });
  });

  it.each([
    ["one dot", "."],
    ["two dots", ".."],
  ])("refuses the address of this service in a request whose Host ends in %s", async (_, dots) => {
    const service = await startWebhookService();
    const request = new Request(`${service.origin}${dots}/v1/webhooks`, {
      method: "POST",
      headers: { "X-API-Key": "mine", "Content-Type": "application/json" },
      body: JSON.stringify({ url: `${service.origin}/v1/webhooks`, symbols: ["US.AAPL"] }),
    });
    const response = await worker.fetch(request, service.env, createExecutionContext());
    expect(await response.json()).toMatchObject({
      detail: "url must not point to this service or its backends",
    });
  });

  it("refuses a host of OWN_HOSTS in any spelling", async () => {
    const service = await startWebhookService({}, { OWN_HOSTS: "a.example, Gateway.Example." });
    for (const url of ["https://gateway.example/", "https://GATEWAY.example../", "https://a.example"]) {
      const response = await service.request("POST", "", { url, symbols: ["US.AAPL"] });
      expect(await response.json()).toMatchObject({
        parameter: "url",
        detail: "url must not point to this service or its backends",
      });
    }
  });
});
