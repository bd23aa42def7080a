import { createExecutionContext } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import worker from "../../functions/index.ts";
import { startPostOffice } from "../support/post-office.ts";

describe("a new webhook", () => {
  it.each([
    ["OpenD's", "https://opend.example/x"],
    ["Upstash's", "https://some.upstash.io/x"],
    ["this service's", "ORIGIN/v1/webhooks"],
  ])("is not made for %s address", async (_, url) => {
    const office = await startPostOffice();
    const vars = { OPEND_URL: "wss://opend.example", UPSTASH_REDIS_REST_URL: "https://some.upstash.io" };
    Object.assign(office.env, vars);
    const response = await office.ask("POST", "", {
      url: url.replace("ORIGIN", office.origin),
      symbols: ["US.AAPL"],
    });
    expect(await response.json()).toMatchObject({
      code: "invalid_parameter",
      parameter: "url",
      detail: "url is this service, or one behind it",
    });
  });

  it.each([
    ["a request whose Host ends in a dot", "."],
    ["a request whose Host ends in two dots", ".."],
  ])("is not made for this service's address in %s", async (_, dots) => {
    const office = await startPostOffice();
    const request = new Request(`${office.origin}${dots}/v1/webhooks`, {
      method: "POST",
      headers: { "X-API-Key": "mine", "Content-Type": "application/json" },
      body: JSON.stringify({ url: `${office.origin}/v1/webhooks`, symbols: ["US.AAPL"] }),
    });
    const response = await worker.fetch(request, office.env, createExecutionContext());
    expect(await response.json()).toMatchObject({ detail: "url is this service, or one behind it" });
  });

  it("is not made for a host in OWN_HOSTS, however it is spelled", async () => {
    const office = await startPostOffice({}, { OWN_HOSTS: "a.example, Gateway.Example." });
    for (const url of ["https://gateway.example/", "https://GATEWAY.example../", "https://a.example"]) {
      const response = await office.ask("POST", "", { url, symbols: ["US.AAPL"] });
      expect(await response.json()).toMatchObject({
        parameter: "url",
        detail: "url is this service, or one behind it",
      });
    }
  });
});
