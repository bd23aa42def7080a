import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type Receiver, startReceiver } from "../stand-ins/receiver.ts";
import { UNLIMITED } from "../stand-ins/worker.ts";
import { type Contract, type Question, readContract } from "../support/contract.ts";
import { type Running, startRunning } from "../support/running.ts";
import { API_KEYS, KEY } from "../support/webhook-maker.ts";

/** A Worker that runs keeps what /openapi.json promises of webhooks. */

const LIST = "/v1/webhooks";
const ONE = "/v1/webhooks/{id}";

let receiver: Receiver;
let running: Running;
let flooded: Running;
let keyLimited: Running;
let unset: Running;
let contract: Contract;
let id: string;

beforeAll(async () => {
  receiver = await startReceiver();
  const vars = { API_KEYS, WEBHOOK_TRUSTED_ORIGINS: receiver.origin };
  running = await startRunning({}, vars, UNLIMITED);
  flooded = await startRunning({}, vars, { requestsPerMinute: 1 });
  keyLimited = await startRunning({}, vars, { ...UNLIMITED, requestsPerMinutePerKey: 1 });
  unset = await startRunning({}, { ...vars, UPSTASH_REDIS_REST_TOKEN: "" });
  contract = await readContract(running.origin);
  const made = await ask(
    running,
    LIST,
    LIST,
    json({ url: receiver.origin, symbols: ["HK.00700", "US.AAPL"] }),
  );
  ({ id } = (await made.json()) as { id: string });
}, 120_000);

afterAll(async () => {
  for (const each of [running, flooded, keyLimited, unset, receiver]) await each?.close();
});

const json = (body: unknown, method = "POST"): Question => ({
  method,
  body: JSON.stringify(body),
  headers: { "Content-Type": "application/json" },
});
const ask = (to: Running, template: string, path: string, { headers, ...rest }: Question = {}) =>
  contract.ask(to.origin, template, path, { ...rest, headers: { "X-API-Key": KEY, ...headers } });

/** What each operation is asked with: a good request, but for its id. */
const OPERATIONS: readonly [template: string, suffix: string, method: string, body?: object][] = [
  [LIST, "", "POST", { url: "https://example.com/", symbols: ["US.AAPL"] }],
  [LIST, "", "GET"],
  [ONE, "", "GET"],
  [ONE, "", "PATCH", {}],
  [`${ONE}/rotate`, "/rotate", "POST"],
  [`${ONE}/test`, "/test", "POST"],
  [`${ONE}/deliveries`, "/deliveries", "GET"],
  [ONE, "", "DELETE"],
];

describe.each(OPERATIONS)("%s%s %s", (template, suffix, method, body) => {
  const path = (name: string) => (template === LIST ? LIST : `${LIST}/${name}${suffix}`);
  const question = (): Question => (body ? json(body, method) : { method });

  it("fails as described", async () => {
    await ask(running, template, `${path(id)}?x=1`, question());
    await ask(running, template, path(id), { ...question(), headers: { "X-API-Key": "nobody's" } });
    await ask(unset, template, path(id), question());
    running.upstash.fail("500");
    const good = body
      ? json({ ...body, ...(template === LIST && { url: receiver.origin }) }, method)
      : { method };
    await ask(running, template, path(id), good);
    running.upstash.fail(undefined);
    if (template !== LIST) await ask(running, template, path("wh_none"), question());
  });

  it("answers 429 past the rate limit of a key", async () => {
    // A new minute may begin after the first request.
    const statuses = [];
    for (let request = 0; request < 3; request += 1) {
      statuses.push((await ask(keyLimited, template, `${path("wh_none")}?x=1`, question())).status);
    }
    expect(statuses).toContain(429);
  });

  it("refuses what is not described", async () => {
    if (suffix === "/rotate") {
      const text = { ...json({}), headers: { "Content-Type": "text/plain" } };
      await ask(running, template, path(id), text);
      await ask(running, template, path(id), json({ secret: "x".repeat(65_537) }));
    }
    if (!body) return;
    const bodies = [
      { ...body, x: 1 },
      { ...body, symbols: ["AAPL"] },
      { ...body, symbols: ["JP.7203"] },
      { ...body, description: "x".repeat(65_536) },
    ];
    for (const each of bodies) await ask(running, template, path(id), json(each, method));
    const text = { ...json(body, method), headers: { "Content-Type": "text/plain" } };
    await ask(running, template, path(id), text);
    receiver.setResponse("/bad", { status: 500 });
    const bad = { ...body, url: `${receiver.origin}/bad` };
    await ask(running, template, path(id), json(bad, method));
  });
});

it("answers as described", async () => {
  await ask(running, LIST, LIST);
  await ask(running, ONE, `${LIST}/${id}`);
  await ask(running, ONE, `${LIST}/${id}`, json({ active: false }, "PATCH"));
  await ask(running, ONE, `${LIST}/${id}`, json({ active: true }, "PATCH"));
  for (let time = 0; time < 4; time += 1) {
    await ask(running, `${ONE}/rotate`, `${LIST}/${id}/rotate`, { method: "POST" });
  }
  await ask(running, `${ONE}/rotate`, `${LIST}/${id}/rotate`, json({ revoke: true }));
  await ask(running, `${ONE}/test`, `${LIST}/${id}/test`, { method: "POST" });
  await ask(running, `${ONE}/deliveries`, `${LIST}/${id}/deliveries`);
});

it("is duplicate_webhook, limit_reached and too_many_requests", async () => {
  const make = json({ url: receiver.origin, symbols: ["US.AAPL"] });
  for (let time = 0; time < 2; time += 1) await ask(running, LIST, LIST, make);
  await ask(running, ONE, `${LIST}/${id}`, json({ symbols: ["US.AAPL"] }, "PATCH"));
  for (let made = 1; made <= 20; made += 1) {
    await ask(running, LIST, LIST, json({ url: `${receiver.origin}/${made}`, symbols: ["US.AAPL"] }));
  }
  const first = await ask(flooded, LIST, LIST, make);
  const { id: other } = (await first.json()) as { id: string };
  // A new minute may begin after the first.
  for (let time = 0; time < 3; time += 1) {
    await ask(flooded, LIST, LIST, make);
    await ask(flooded, `${ONE}/test`, `${LIST}/${other}/test`, { method: "POST" });
    await ask(flooded, ONE, `${LIST}/${other}`, json({ url: `${receiver.origin}/${time}` }, "PATCH"));
  }
});

it("sends what is described", async () => {
  await fetch(`${running.origin}/cdn-cgi/handler/scheduled`);
  // As though the newest rows had come since then.
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
  for (const { body } of receiver.received()) contract.fits(content?.schema ?? {}, JSON.parse(body));
  await ask(running, ONE, `${LIST}/${id}`);
  await ask(running, `${ONE}/deliveries`, `${LIST}/${id}/deliveries`);
}, 30_000);

it("promises nothing that was not seen", async () => {
  await ask(running, ONE, `${LIST}/${id}`, { method: "DELETE" });
  const own = contract.operations((path) => path.startsWith(LIST));
  for (const operation of own) contract.allSeenOf(operation);
});
