import { describe, expect, it } from "vitest";
import { startWebhookService, type WebhookService } from "../support/webhook-service.ts";

const SYMBOLS = ["US.AAPL", "HK.00700"];

const create = (service: WebhookService, path: string, symbols: readonly string[] = SYMBOLS, key = "mine") =>
  service.request("POST", "", { url: service.receiver.origin + path, symbols }, key);
const change = (service: WebhookService, id: string, changes: object) =>
  service.request("PATCH", `/${id}`, changes);
const statusesOf = async (responses: readonly Promise<Response>[]) =>
  (await Promise.all(responses)).map(({ status }) => status).toSorted();

/** The webhooks of the key `mine`. */
async function listed(service: WebhookService) {
  const response = await service.request("GET", "");
  const { items } = await response.json<{ items: { id: string; url: string; symbols: string[] }[] }>();
  return items;
}

async function expectDuplicate(response: Response, id: string): Promise<void> {
  expect(await response.json()).toMatchObject({
    type: "/problems/duplicate_webhook",
    status: 409,
    code: "duplicate_webhook",
    detail: `The webhook ${id} has the same URL and symbols`,
  });
}

describe("a second webhook of a key with the same URL and symbols", () => {
  it.each([
    ["in the same order", SYMBOLS],
    ["in another order", SYMBOLS.toReversed()],
    ["in another spelling and repeated", ["hk.700", "us.aapl", "US.AAPL"]],
  ])("is refused with symbols %s", async (_, symbols) => {
    const service = await startWebhookService();
    const { id } = await service.subscribe("/", SYMBOLS);
    await expectDuplicate(await create(service, "/", symbols), id);
    expect((await listed(service)).length).toBe(1);
  });

  it("is refused if only the URL fragment differs", async () => {
    const service = await startWebhookService();
    const { id } = await service.subscribe("/hook#1", SYMBOLS);
    await expectDuplicate(await create(service, "/hook#2"), id);
    expect((await listed(service))[0]?.url).not.toContain("#");
  });

  it("can be paused if it was stored before duplicates were refused", async () => {
    const service = await startWebhookService();
    const { id } = await service.subscribe("/", SYMBOLS);
    const other = await service.subscribe("/other", SYMBOLS);
    const digests = "short-interest:webhooks:digests:key:me";
    const digest = String(await service.upstash.redis("HGET", digests, other.id));
    await service.upstash.redis("HSET", digests, id, digest);
    expect((await change(service, id, { active: false })).status).toBe(200);
  });

  it("is refused while the first webhook is paused", async () => {
    const service = await startWebhookService();
    const { id } = await service.subscribe("/", SYMBOLS);
    await change(service, id, { active: false });
    await expectDuplicate(await create(service, "/"), id);
  });

  it("is refused in ten concurrent requests, of which one succeeds", async () => {
    const service = await startWebhookService();
    const statuses = await statusesOf(Array.from({ length: 10 }, () => create(service, "/")));
    expect(statuses).toEqual([201, ...Array.from({ length: 9 }, () => 409)]);
    expect((await listed(service)).length).toBe(1);
  });

  it("is created with another URL, other symbols or another key, and after the first webhook is deleted", async () => {
    const service = await startWebhookService();
    const { id } = await service.subscribe("/", SYMBOLS);
    expect((await create(service, "/other")).status).toBe(201);
    expect((await create(service, "/", ["US.AAPL"])).status).toBe(201);
    expect((await create(service, "/", [...SYMBOLS, "US.TSLA"])).status).toBe(201);
    expect((await create(service, "/", SYMBOLS, "yours")).status).toBe(201);
    expect((await service.request("DELETE", `/${id}`)).status).toBe(204);
    expect((await create(service, "/")).status).toBe(201);
  });
});

describe("PATCH /v1/webhooks/{id}", () => {
  it("refuses a change that would duplicate another webhook, and changes nothing", async () => {
    const service = await startWebhookService();
    const first = await service.subscribe("/a", SYMBOLS);
    const otherUrl = await service.subscribe("/b", SYMBOLS);
    const otherSymbols = await service.subscribe("/a", ["US.AAPL"]);
    const other = await service.subscribe("/c", ["US.TSLA"]);
    const before = await listed(service);
    const url = `${service.receiver.origin}/a`;
    await expectDuplicate(await change(service, otherUrl.id, { url, description: "x" }), first.id);
    await expectDuplicate(
      await change(service, otherSymbols.id, { symbols: ["HK.700", "US.AAPL"], active: false }),
      first.id,
    );
    await expectDuplicate(await change(service, other.id, { url, symbols: SYMBOLS }), first.id);
    expect(await listed(service)).toEqual(before);
  });

  it("accepts the URL and symbols that the webhook already has", async () => {
    const service = await startWebhookService();
    const { id } = await service.subscribe("/", SYMBOLS);
    const same = { url: `${service.receiver.origin}/`, symbols: SYMBOLS.toReversed() };
    expect((await change(service, id, same)).status).toBe(200);
    expect(await listed(service)).toMatchObject([{ symbols: SYMBOLS.toReversed() }]);
    await expectDuplicate(await create(service, "/"), id);
  });

  it("frees the previous URL and symbols of a webhook", async () => {
    const service = await startWebhookService();
    const { id } = await service.subscribe("/", SYMBOLS);
    expect((await change(service, id, { symbols: ["US.TSLA"] })).status).toBe(200);
    expect((await create(service, "/")).status).toBe(201);
    expect((await change(service, id, { symbols: SYMBOLS })).status).toBe(409);
  });

  it("lets one of four concurrent changes to the same URL and symbols succeed", async () => {
    for (let round = 0; round < 5; round += 1) {
      const service = await startWebhookService();
      const webhooks = await Promise.all(
        ["/a", "/b", "/c", "/d"].map((path) => service.subscribe(path, SYMBOLS)),
      );
      const url = `${service.receiver.origin}/same`;
      const statuses = await statusesOf(webhooks.map(({ id }) => change(service, id, { url })));
      expect(statuses).toEqual([200, 409, 409, 409]);
      const urls = (await listed(service)).map((webhook) => webhook.url);
      expect(urls.filter((other) => other === url).length).toBe(1);
    }
  });

  it("lets concurrent changes of URL and symbols not create a duplicate together", async () => {
    for (let round = 0; round < 5; round += 1) {
      const service = await startWebhookService();
      await service.subscribe("/a", SYMBOLS);
      const { id } = await service.subscribe("/b", ["US.TSLA"]);
      const url = `${service.receiver.origin}/a`;
      const changes = [change(service, id, { url }), change(service, id, { symbols: SYMBOLS })];
      expect(await statusesOf(changes)).toEqual([200, 409]);
      const settings = (await listed(service)).map(
        (webhook) => `${webhook.url} ${webhook.symbols.toSorted()}`,
      );
      expect(new Set(settings).size).toBe(2);
    }
  });
});
