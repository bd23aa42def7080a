import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type Receiver, startReceiver } from "../stand-ins/receiver.ts";
import { UNLIMITED } from "../stand-ins/worker.ts";
import { type Contract, type ContractRequest, readContract } from "../support/contract.ts";
import { type LocalService, startLocalService, startPlainService } from "../support/local-service.ts";
import { API_KEYS, KEY } from "../support/webhook-maker.ts";

/** Responses of a running Worker match the webhook operations in /openapi.json. */

const LIST = "/v1/webhooks";
const ONE = "/v1/webhooks/{id}";
const EVENT_TYPES = "/v1/webhooks/event-types";

let receiver: Receiver;
let running: LocalService;
let flooded: LocalService;
let keyLimited: LocalService;
let unset: LocalService;
let contract: Contract;
let id: string;

beforeAll(async () => {
  receiver = await startReceiver();
  const vars = { API_KEYS, WEBHOOK_TRUSTED_ORIGINS: receiver.origin };
  [running, flooded, keyLimited, unset] = await Promise.all([
    startLocalService({}, vars, UNLIMITED),
    startLocalService({}, vars, { requestsPerMinute: 1 }),
    startLocalService({}, vars, { ...UNLIMITED, requestsPerMinutePerKey: 1 }),
    startPlainService({}, { ...vars, UPSTASH_REDIS_REST_TOKEN: "" }),
  ]);
  contract = await readContract(running.origin);
  const created = await send(
    running,
    LIST,
    LIST,
    json({ url: receiver.origin, symbols: ["HK.00700", "US.AAPL"] }),
  );
  ({ id } = (await created.json()) as { id: string });
}, 120_000);

afterAll(async () => {
  await Promise.all([running, flooded, keyLimited, unset].map((service) => service?.close()));
  await receiver?.close();
});

const json = (body: unknown, method = "POST"): ContractRequest => ({
  method,
  body: JSON.stringify(body),
  headers: { "Content-Type": "application/json" },
});
const send = (to: LocalService, template: string, path: string, { headers, ...rest }: ContractRequest = {}) =>
  contract.request(to.origin, template, path, { ...rest, headers: { "X-API-Key": KEY, ...headers } });

/** A valid request of each operation, without the webhook ID. */
const OPERATIONS: readonly [template: string, suffix: string, method: string, body?: object][] = [
  [LIST, "", "POST", { url: "https://example.com/", symbols: ["US.AAPL"] }],
  [LIST, "", "GET"],
  [ONE, "", "GET"],
  [ONE, "", "PATCH", {}],
  [`${ONE}/rotate`, "/rotate", "POST"],
  [`${ONE}/test`, "/test", "POST"],
  [`${ONE}/replay`, "/replay", "POST", { since: Math.floor(Date.now() / 1_000) - 60 }],
  [`${ONE}/deliveries`, "/deliveries", "GET"],
  [ONE, "", "DELETE"],
];

describe.each(OPERATIONS)("%s%s %s", (template, suffix, method, body) => {
  const path = (name: string) => (template === LIST ? LIST : `${LIST}/${name}${suffix}`);
  const validRequest = (): ContractRequest => (body ? json(body, method) : { method });

  it("returns the described errors for failed requests", async () => {
    await send(running, template, `${path(id)}?x=1`, validRequest());
    await send(running, template, path(id), { ...validRequest(), headers: { "X-API-Key": "unknown" } });
    await send(unset, template, path(id), validRequest());
    running.upstash.fail("500");
    const valid = body
      ? json({ ...body, ...(template === LIST && { url: receiver.origin }) }, method)
      : { method };
    await send(running, template, path(id), valid);
    running.upstash.fail(undefined);
    if (template !== LIST) await send(running, template, path("wh_none"), validRequest());
  });

  it("returns 429 above the rate limit of a key", async () => {
    // The rate limit may start a new minute after the first request.
    const statuses = [];
    for (let request = 0; request < 3; request += 1) {
      statuses.push((await send(keyLimited, template, `${path("wh_none")}?x=1`, validRequest())).status);
    }
    expect(statuses).toContain(429);
  });

  it("returns the described errors for invalid bodies", async () => {
    if (suffix === "/rotate") {
      const text = { ...json({}), headers: { "Content-Type": "text/plain" } };
      await send(running, template, path(id), text);
      await send(running, template, path(id), json({ secret: "x".repeat(65_537) }));
    }
    if (!body) return;
    const bodies = [
      { ...body, x: 1 },
      { ...body, symbols: ["AAPL"] },
      { ...body, symbols: ["JP.7203"] },
      { ...body, description: "x".repeat(65_536) },
    ];
    for (const invalid of bodies) await send(running, template, path(id), json(invalid, method));
    const text = { ...json(body, method), headers: { "Content-Type": "text/plain" } };
    await send(running, template, path(id), text);
    receiver.setResponse("/bad", { status: 500 });
    const failing = { ...body, url: `${receiver.origin}/bad` };
    await send(running, template, path(id), json(failing, method));
  });
});

it("webhook operations return the described responses", async () => {
  await send(running, LIST, LIST);
  await send(running, ONE, `${LIST}/${id}`);
  await send(running, ONE, `${LIST}/${id}`, json({ active: false }, "PATCH"));
  const replay = json({ since: Math.floor(Date.now() / 1_000) - 60 });
  await send(running, `${ONE}/replay`, `${LIST}/${id}/replay`, replay);
  await send(running, ONE, `${LIST}/${id}`, json({ active: true }, "PATCH"));
  await send(running, `${ONE}/replay`, `${LIST}/${id}/replay`, replay);
  for (let count = 0; count < 4; count += 1) {
    await send(running, `${ONE}/rotate`, `${LIST}/${id}/rotate`, { method: "POST" });
  }
  await send(running, `${ONE}/rotate`, `${LIST}/${id}/rotate`, json({ revoke: true }));
  await send(running, `${ONE}/test`, `${LIST}/${id}/test`, { method: "POST" });
  await send(running, `${ONE}/deliveries`, `${LIST}/${id}/deliveries`);
});

it("a creation with an Idempotency-Key returns the described responses", async () => {
  receiver.setResponse("/slow", { delayMs: 500 });
  const { body, headers, method } = json({ url: `${receiver.origin}/slow`, symbols: ["US.TSLA"] });
  const keyed = (text = body): ContractRequest => ({
    ...{ method: method ?? "POST", body: text ?? "" },
    headers: { ...headers, "Idempotency-Key": "one" },
  });
  const first = send(running, LIST, LIST, keyed());
  await vi.waitFor(() => expect(receiver.received().some(({ path }) => path === "/slow")).toBe(true));
  expect((await send(running, LIST, LIST, keyed())).status).toBe(409);
  const { id: created } = (await (await first).json()) as { id: string };
  expect((await send(running, LIST, LIST, keyed())).headers.get("Idempotent-Replayed")).toBe("true");
  expect((await send(running, LIST, LIST, keyed(body?.replace("TSLA", "AAPL")))).status).toBe(422);
  await send(running, ONE, `${LIST}/${created}`, { method: "DELETE" });
});

it("webhook operations return duplicate_webhook, limit_reached and too_many_requests", async () => {
  const create = json({ url: receiver.origin, symbols: ["US.AAPL"] });
  for (let count = 0; count < 2; count += 1) await send(running, LIST, LIST, create);
  await send(running, ONE, `${LIST}/${id}`, json({ symbols: ["US.AAPL"] }, "PATCH"));
  for (let index = 1; index <= 20; index += 1) {
    await send(running, LIST, LIST, json({ url: `${receiver.origin}/${index}`, symbols: ["US.AAPL"] }));
  }
  const first = await send(flooded, LIST, LIST, create);
  const { id: other } = (await first.json()) as { id: string };
  // The rate limit may start a new minute after the first request.
  for (let count = 0; count < 3; count += 1) {
    await send(flooded, LIST, LIST, create);
    await send(flooded, `${ONE}/test`, `${LIST}/${other}/test`, { method: "POST" });
    await send(flooded, ONE, `${LIST}/${other}`, json({ url: `${receiver.origin}/${count}` }, "PATCH"));
  }
});

it("the list of event types returns the described responses", async () => {
  for (const [service, query] of [
    [running, ""],
    [running, "?x=1"],
    [unset, ""],
  ] as const) {
    await send(service, EVENT_TYPES, EVENT_TYPES + query);
  }
  await send(running, EVENT_TYPES, EVENT_TYPES, { headers: { "X-API-Key": "unknown" } });
  for (let request = 0; request < 3; request += 1) await send(keyLimited, EVENT_TYPES, EVENT_TYPES);
});

it("messages match their description", async () => {
  await fetch(`${running.origin}/cdn-cgi/handler/scheduled`);
  // As if the newest rows had been published since then.
  for (const symbol of ["HK.00700", "US.AAPL"]) {
    await running.upstash.redis.call(
      "HSET",
      "short-interest:webhooks:symbol-status",
      symbol,
      "1776000000 0 ",
    );
    await running.upstash.redis.call("ZADD", "short-interest:webhooks:poll-schedule", "0", symbol);
  }
  await fetch(`${running.origin}/cdn-cgi/handler/scheduled`);
  const published = () => receiver.received().filter(({ body }) => body.includes("short_interest.published"));
  await vi.waitFor(() => expect(published().length).toBeGreaterThanOrEqual(2), 10_000);
  const content = contract.description.webhooks.published?.post?.requestBody?.content["application/json"];
  for (const { body } of receiver.received()) contract.expectValid(content?.schema ?? {}, JSON.parse(body));
  const listed = await send(running, EVENT_TYPES, EVENT_TYPES);
  const { items } = (await listed.json()) as { items: { type: string; schema: { examples: object[] } }[] };
  expect(items.map(({ type }) => type)).toEqual(["short_interest.published", "webhook.test"]);
  for (const { schema } of items) contract.expectValid(schema, schema.examples[0]);
  for (const { body } of receiver.received()) {
    const message = JSON.parse(body) as { type: string };
    contract.expectValid(items.find(({ type }) => type === message.type)?.schema ?? {}, message);
  }
  await send(running, ONE, `${LIST}/${id}`);
  await send(running, `${ONE}/deliveries`, `${LIST}/${id}/deliveries`);
}, 30_000);

it("every described webhook response has been returned", async () => {
  await send(running, ONE, `${LIST}/${id}`, { method: "DELETE" });
  const own = contract.operations((path) => path.startsWith(LIST));
  for (const operation of own) contract.expectAllObserved(operation);
  // `contract.test.ts` checks the other examples.
  contract.expectExampleDetailsObserved(
    own,
    contract.operations((path) => !path.startsWith(LIST)),
  );
});
