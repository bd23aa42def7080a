import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import { parseEnv } from "../../functions/env.ts";
import { Failure, type FailureCode } from "../../functions/errors.ts";
import { createPageSource } from "../../functions/page-source/create-page-source.ts";
import { FIRST_CURSOR } from "../../functions/short-interest/page.ts";
import { CALL_FAULTS, LOGIN_FAULTS } from "../stand-ins/opend-faults.ts";
import { readPermits } from "../support/permit-log.ts";
import { startService } from "../support/service.ts";
import { control } from "../support/stand-ins.ts";

/** The outcome of a request for a page with each fault. */
const OUTCOMES: Readonly<Record<string, FailureCode | "answered">> = {
  "hanging connect": "opend_timeout",
  "not a WebSocket": "opend_unreachable",
  redirect: "opend_unreachable",
  "silent after upgrade": "opend_timeout",

  "login: header error": "opend_key_refused",
  "login: throttled": "opend_unreachable",
  "login: refused without text": "opend_key_refused",
  "login: no body": "opend_key_refused",
  "login: no content": "opend_key_refused",
  "login: relay lost": "opend_unreachable",
  "login: not protobuf": "opend_protocol_error",
  "login: silence": "opend_timeout",
  "login: drop": "opend_unreachable",

  "push first": "answered",
  "other section": "opend_timeout",
  "text frame": "opend_protocol_error",
  "short frame": "opend_protocol_error",
  "wrong sign": "opend_protocol_error",
  "not protobuf": "opend_protocol_error",
  "not this protobuf": "opend_protocol_error",
  "no content": "opend_protocol_error",
  "no body": "opend_protocol_error",
  "wrong market": "opend_protocol_error",
  "header error 1": "opend_timeout",
  "header error 2": "opend_timeout",
  "header error 3": "opend_unreachable",
  "header error 9": "opend_failed",
  "header error with an account": "opend_failed",
  "relay lost": "opend_unreachable",
  drop: "opend_unreachable",
  silence: "opend_timeout",
  "unknown stock": "unknown_symbol",
  "unknown stock in English": "unknown_symbol",
  "wrong kind": "unknown_symbol",
  "no permission": "opend_no_permission",
  frequency: "upstream_quota_exceeded",
  "frequency in English": "upstream_quota_exceeded",
  "other refusal": "opend_failed",
};

/** Short, but not so short that a busy machine misses them. */
const DEADLINES = {
  request: 5_000,
  connect: 1_000,
  login: 1_000,
  call: 1_000,
  upstash: 1_000,
  receiver: 1_000,
};

/** Requests one page. Returns the outcome and the time. */
async function requestPage(service: Awaited<ReturnType<typeof startService>>, symbol = "AAPL") {
  const context = createExecutionContext();
  const waitUntil = (work: Promise<unknown>) => context.waitUntil(work);
  const source = createPageSource(parseEnv(service.env), {
    origin: service.origin,
    waitUntil,
    client: "me",
    deadlines: DEADLINES,
  });
  const began = Date.now();
  const outcome = await source
    .page({ market: "US", code: symbol }, FIRST_CURSOR, 10)
    .then(() => "answered" as const, Failure.from);
  const ms = Date.now() - began;
  await waitOnExecutionContext(context);
  return { outcome, ms };
}

/** Expects no open connection, and one permit for each call. */
async function expectNothingOpen(service: Awaited<ReturnType<typeof startService>>) {
  await vi.waitFor(async () => expect((await service.opend.stats()).connections).toBe(0));
  const { calls } = await service.opend.stats();
  expect(await readPermits(service.upstash.redis)).toHaveLength(calls);
}

describe("OpenD fault", () => {
  it("table has every fault of the stand-in", () => {
    const faults = [
      "hanging connect",
      "not a WebSocket",
      "redirect",
      "silent after upgrade",
      ...Object.keys(LOGIN_FAULTS),
      ...Object.keys(CALL_FAULTS),
    ];
    expect(Object.keys(OUTCOMES).sort()).toEqual(faults.sort());
  });

  it.concurrent.each(Object.entries(OUTCOMES))("%s ends as %s", async (fault, code) => {
    const service = await startService({ fault });
    const { outcome, ms } = await requestPage(service);
    expect(outcome instanceof Failure ? outcome.code : outcome).toBe(code);
    expect(ms).toBeLessThan(4_000);
    if (outcome instanceof Failure)
      expect(`${outcome.message} ${outcome.detail}`).not.toMatch(/internal text|127\.0\.0\.1|[一-鿿]/);
    await expectNothingOpen(service);
  });

  it("unused port ends as opend_unreachable", async () => {
    const service = await startService({}, { OPEND_URL: `ws://127.0.0.1:${await control.unusedPort()}` });
    const { outcome } = await requestPage(service);
    expect(outcome).toMatchObject({ code: "opend_unreachable" });
    await expectNothingOpen(service);
  });

  it("wrong key ends as opend_key_refused, and the right key is accepted", async () => {
    const wrong = await startService({ key: "right" }, { OPEND_KEY: "wrong" });
    expect((await requestPage(wrong)).outcome).toMatchObject({ code: "opend_key_refused" });
    await expectNothingOpen(wrong);
    const right = await startService({ key: "right" });
    expect((await requestPage(right)).outcome).toBe("answered");
  });

  it("missing Access token of a tunnel ends as opend_unreachable, and the right one is accepted", async () => {
    const access = { OPEND_ACCESS_CLIENT_ID: "id", OPEND_ACCESS_CLIENT_SECRET: "token" };
    const unauthorized = await startService({ accessClientSecret: "token" });
    expect((await requestPage(unauthorized)).outcome).toMatchObject({ code: "opend_unreachable" });
    const authorized = await startService({ accessClientSecret: "token" }, access);
    expect((await requestPage(authorized)).outcome).toBe("answered");
  });
});

describe("Upstash fault", () => {
  it.concurrent.each(["hang", "401", "500", "HTML", "nonsense"] as const)(
    "%s ends as store_unavailable",
    async (fault) => {
      const service = await startService();
      await service.upstash.fail(fault);
      const { outcome, ms } = await requestPage(service);
      expect(outcome).toMatchObject({ code: "store_unavailable" });
      expect(ms).toBeLessThan(4_000);
      await expectNothingOpen(service);
      expect((await service.opend.stats()).calls).toBe(0);
    },
  );

  it("unused port ends as store_unavailable", async () => {
    const dead = `http://127.0.0.1:${await control.unusedPort()}`;
    const service = await startService({}, { UPSTASH_REDIS_REST_URL: dead });
    expect((await requestPage(service)).outcome).toMatchObject({ code: "store_unavailable" });
    expect((await service.opend.stats()).calls).toBe(0);
  });
});

describe("frequency refusal by OpenD", () => {
  it("stops all calls for a window", async () => {
    const service = await startService({ fault: "frequency" });
    expect((await requestPage(service)).outcome).toMatchObject({
      code: "upstream_quota_exceeded",
      retryAfterMs: 30_000,
    });
    await service.opend.set({ fault: "" });
    const { outcome } = await requestPage(service, "TSLA");
    expect(outcome).toMatchObject({ code: "upstream_quota_exceeded" });
    expect((await service.opend.stats()).calls).toBe(1);
  });
});

describe.concurrent("connection that takes longer than its permit lasts", () => {
  it("replaces the permit before the call", async () => {
    const service = await startService();
    await service.get("/v1/short-interest/US.TSLA"); // Loads the scripts into Redis.
    await service.opend.set({ delayMs: [1_100, 1_100] });
    const before = await service.upstash.requests();
    expect((await service.get("/v1/short-interest/US.AAPL")).status).toBe(200);
    // Lease, permit, second permit, write with settlement, counters.
    expect((await service.upstash.requests()) - before).toBe(5);
    expect(await readPermits(service.upstash.redis)).toHaveLength(2);
  });
});

describe.concurrent("frequency refusal while another request waits for its permit", () => {
  it("stops the call of that request", async () => {
    const service = await startService(
      { windowMs: 1_000 },
      { UPSTREAM_LIMIT: "1", UPSTREAM_WINDOW_SECONDS: "1" },
    );
    await service.get("/v1/short-interest/US.AAPL");
    const waiting = service.get("/v1/short-interest/US.TSLA");
    await vi.waitFor(async () => expect(await readPermits(service.upstash.redis)).toHaveLength(2));
    await service.upstash.redis("SET", "short-interest:permits:blocked", "1", "PX", "30000");
    expect((await waiting).status).toBe(429);
    expect((await service.opend.stats()).calls).toBe(1);
  });
});
