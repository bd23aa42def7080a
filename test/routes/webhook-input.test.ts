import { expect, it } from "vitest";
import { startWebhookService } from "../support/webhook-service.ts";

const VALID = { url: "https://example.com/", symbols: ["US.AAPL"] };

/** Invalid values of each member of the request body. */
const INVALID: Readonly<Record<string, readonly unknown[]>> = {
  url: [
    "",
    "example.com",
    "http://example.com",
    "https://127.0.0.1",
    "https://localhost",
    1,
    null,
    ["x"],
    {},
  ],
  symbols: [[], "US.AAPL", null, [1], [null], {}, Array.from({ length: 51 }, (_, index) => `US.T${index}`)],
  description: ["x".repeat(201), "a\nb", "\u0000", 1, null],
  secret: ["", "x", "whsec_", "whsec_AAAA", `whsec_${"A".repeat(31)}`, 1, null],
  active: ["true", 1, null],
};
const ONLY_IN_POST = ["secret"];
const ONLY_IN_PATCH = ["active"];

it.each(Object.entries(INVALID))("/v1/webhooks refuses an invalid %s", async (member, values) => {
  const service = await startWebhookService();
  const { id } = await service.subscribe();
  for (const value of values) {
    const requests = [
      ...(ONLY_IN_PATCH.includes(member) ? [] : [["POST", "", { ...VALID, [member]: value }] as const]),
      ...(ONLY_IN_POST.includes(member) ? [] : [["PATCH", `/${id}`, { [member]: value }] as const]),
    ];
    for (const [method, path, body] of requests) {
      const response = await service.request(method, path, body);
      expect(await response.json(), `${method} ${JSON.stringify(value)}`).toMatchObject({
        status: 400,
        code: "invalid_parameter",
        parameter: member,
      });
    }
  }
  expect((await service.testMessages()).length).toBe(1);
});

it("/v1/webhooks refuses an invalid symbol, and states its position", async () => {
  const service = await startWebhookService();
  for (const [symbol, code] of [
    ["AAPL", "invalid_symbol"],
    ["", "invalid_symbol"],
    ["US.AAPL US.TSLA", "invalid_symbol"],
    ["JP.7203", "unsupported_market"],
  ]) {
    const response = await service.request("POST", "", { ...VALID, symbols: ["US.AAPL", symbol] });
    expect(await response.json()).toMatchObject({
      status: 400,
      code,
      parameter: "symbols",
      detail: expect.stringMatching(/^Symbol 2: /),
    });
  }
});

it("/v1/webhooks refuses unknown and missing members", async () => {
  const service = await startWebhookService();
  const { id } = await service.subscribe();
  for (const [method, path, body, parameter] of [
    ["POST", "", { ...VALID, events: ["x"] }, "events"],
    ["POST", "", { ...VALID, active: true }, "active"],
    ["POST", "", { url: VALID.url }, "symbols"],
    ["POST", "", { symbols: VALID.symbols }, "url"],
    ["POST", "", {}, "url"],
    ["PATCH", `/${id}`, { secret: "x" }, "secret"],
    ["PATCH", `/${id}`, { id: "x" }, "id"],
    ["POST", `/${id}/rotate`, { key: "x" }, "key"],
    ["POST", `/${id}/rotate`, { secret: "x" }, "secret"],
    ["POST", `/${id}/test`, { type: "x" }, "type"],
    ["PATCH", `/${id}`, JSON.parse('{"__proto__":{}}'), "__proto__"],
  ] as const) {
    expect(await (await service.request(method, path, body)).json()).toMatchObject({
      status: 400,
      code: "invalid_parameter",
      parameter,
    });
  }
});

it("/v1/webhooks refuses a body that is not a JSON object of at most 64 KiB", async () => {
  const service = await startWebhookService();
  const post = (body: string, type = "application/json") =>
    service.get("/v1/webhooks", {
      method: "POST",
      headers: { "X-API-Key": "mine", "Content-Type": type },
      body,
    });
  for (const body of ["{", "null", "1", '"x"', "[]", "[{}]", "\u0000"]) {
    expect(await (await post(body)).json()).toMatchObject({ code: "invalid_parameter", parameter: "body" });
  }
  expect(await (await post(JSON.stringify(VALID), "text/plain")).json()).toMatchObject({
    status: 415,
    code: "unsupported_media_type",
  });
  const long = JSON.stringify({ ...VALID, description: "x".repeat(65_536) });
  expect(await (await post(long)).json()).toMatchObject({ status: 413, code: "content_too_large" });
});

it("/v1/webhooks refuses query parameters", async () => {
  const service = await startWebhookService();
  for (const path of ["?limit=1", "/x?secret=1", "/x/deliveries?limit=1"]) {
    expect(await (await service.request("GET", path)).json()).toMatchObject({
      status: 400,
      code: "invalid_parameter",
      parameter: expect.stringMatching(/^(limit|secret)$/),
    });
  }
});
