import { describe, expect, it } from "vitest";
import { verify } from "../support/verify.ts";
import { startWebhookService, type WebhookService } from "../support/webhook-service.ts";

const read = async (response: Response) => response.json<Record<string, unknown>>();

describe("POST /v1/webhooks/{id}/rotate", () => {
  it("returns a new secret, and when the old one expires", async () => {
    const service = await startWebhookService();
    const { id, secret } = await service.subscribe();
    const rotated = await read(await service.request("POST", `/${id}/rotate`));
    expect(rotated).toEqual({
      id,
      secret: expect.stringMatching(/^whsec_/),
      old_secrets_expire_at: expect.any(Number),
    });
    expect(rotated.secret).not.toBe(secret);
    expect(Math.abs(Number(rotated.old_secrets_expire_at) - Date.now() / 1_000 - 86_400)).toBeLessThan(10);
  });

  it("accepts a secret of the caller, keeps old secrets for a day, and refuses a fifth active secret", async () => {
    const service = await startWebhookService();
    const { id, secret: first } = await service.subscribe();
    const own = `whsec_${new Uint8Array(24).fill(9).toBase64()}`;
    expect((await read(await service.request("POST", `/${id}/rotate`, { secret: own }))).secret).toBe(own);
    const rotate = () => service.request("POST", `/${id}/rotate`);
    expect([(await rotate()).status, (await rotate()).status]).toEqual([200, 200]);
    expect(await (await rotate()).json()).toMatchObject({ status: 409, code: "limit_reached" });
    await service.request("POST", `/${id}/test`);
    const message = (await service.testMessages()).at(-1);
    for (const secret of [first, own]) expect(message && verify(message, secret)).toBeTruthy();
  });
});

describe("/v1/webhooks", () => {
  const requestAll = async (service: WebhookService, key: string) => {
    const requests = [
      ["POST", "", { url: service.receiver.origin, symbols: ["US.AAPL"] }],
      ["GET", ""],
      ["GET", "/x"],
    ] as const;
    return Promise.all(
      requests.map(async ([method, path, body]) => read(await service.request(method, path, body, key))),
    );
  };

  it("requires an API key", async () => {
    const service = await startWebhookService();
    for (const problem of await requestAll(service, "unknown"))
      expect(problem).toMatchObject({ code: "unauthorized" });
    const open = await startWebhookService({}, { API_KEYS: undefined });
    for (const problem of await requestAll(open, "mine")) {
      expect(problem).toMatchObject({
        code: "unauthorized",
        detail: expect.stringContaining("API_KEYS is not set"),
      });
    }
  });

  it("returns misconfigured without a queue, and the poller does nothing", async () => {
    const service = await startWebhookService({}, { WEBHOOK_QUEUE: undefined });
    for (const problem of await requestAll(service, "mine")) {
      expect(problem).toMatchObject({ code: "misconfigured", parameter: "WEBHOOK_QUEUE" });
    }
    await service.runPoller();
  });

  it("returns store_unavailable while Upstash fails", async () => {
    const service = await startWebhookService();
    await service.upstash.fail("500");
    for (const problem of await requestAll(service, "mine"))
      expect(problem).toMatchObject({ code: "store_unavailable" });
  });

  it("allows POST, PATCH and DELETE, also across origins", async () => {
    const service = await startWebhookService();
    const allow = async (method: string, path: string) => {
      const response = await service.request(method, path);
      expect(response.status).toBe(405);
      return response.headers.get("Allow");
    };
    expect(await allow("DELETE", "")).toBe("GET, HEAD, POST");
    expect(await allow("POST", "/x")).toBe("GET, HEAD, PATCH, DELETE");
    expect(await allow("GET", "/x/rotate")).toBe("POST");
    const headers = { Origin: "https://a.example", "Access-Control-Request-Method": "DELETE" };
    const preflight = await service.get("/v1/webhooks/x", { method: "OPTIONS", headers });
    expect(preflight.headers.get("Access-Control-Allow-Methods")).toBe("GET,HEAD,POST,PATCH,DELETE");
    const reading = await service.get("/v1/short-interest/US.AAPL", { method: "OPTIONS", headers });
    expect(reading.headers.get("Access-Control-Allow-Methods")).toBe("GET,HEAD");
  });
});
