import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import { parseEnv } from "../../functions/env.ts";
import { Failure, type FailureCode } from "../../functions/errors.ts";
import { createPageSource } from "../../functions/page-source/create.ts";
import { FIRST } from "../../functions/short-interest/page.ts";
import { CALL_FAULTS, LOGIN_FAULTS } from "../stand-ins/opend-faults.ts";
import { startGateway } from "../support/page-source.ts";
import { control } from "../support/stand-ins.ts";

/** How each fault ends. The call itself is under way, and its permit used, from "call" on. */
const ENDS: Readonly<Record<string, FailureCode | "answered">> = {
  "hanging connect": "opend_timeout",
  "not a WebSocket": "opend_unreachable",
  redirect: "opend_unreachable",
  "silent after upgrade": "opend_timeout",

  "login: header error": "opend_key_refused",
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

/** Asks the page source for one page, and tells how it ended and what was left behind. */
async function ask(gateway: Awaited<ReturnType<typeof startGateway>>, symbol = "AAPL") {
  const context = createExecutionContext();
  const waitUntil = (work: Promise<unknown>) => context.waitUntil(work);
  const source = createPageSource(parseEnv(gateway.env), {
    origin: gateway.origin,
    waitUntil,
    client: "me",
    deadlines: DEADLINES,
  });
  const began = Date.now();
  const end = await source
    .page({ market: "US", code: symbol }, FIRST, 10)
    .then(() => "answered" as const, Failure.from);
  const ms = Date.now() - began;
  await waitOnExecutionContext(context);
  return { end, ms };
}

async function leavesNothingBehind(gateway: Awaited<ReturnType<typeof startGateway>>) {
  await vi.waitFor(async () => expect((await gateway.opend.stats()).connections).toBe(0));
  const { calls } = await gateway.opend.stats();
  expect(await gateway.upstash.redis("ZCARD", "short-interest:opend")).toBe(calls);
}

describe("a fault of OpenD", () => {
  it("is in the table, whatever the stand-in can do", () => {
    const faults = [
      "hanging connect",
      "not a WebSocket",
      "redirect",
      "silent after upgrade",
      ...Object.keys(LOGIN_FAULTS),
      ...Object.keys(CALL_FAULTS),
    ];
    expect(Object.keys(ENDS).sort()).toEqual(faults.sort());
  });

  it.concurrent.each(Object.entries(ENDS))("%s ends as %s", async (fault, code) => {
    const gateway = await startGateway({ fault });
    const { end, ms } = await ask(gateway);
    expect(end instanceof Failure ? end.code : end).toBe(code);
    expect(ms).toBeLessThan(4_000);
    if (end instanceof Failure)
      expect(`${end.message} ${end.detail}`).not.toMatch(/internal text|127\.0\.0\.1|[一-鿿]/);
    await leavesNothingBehind(gateway);
  });

  it("nobody listening ends as opend_unreachable", async () => {
    const gateway = await startGateway({}, { OPEND_URL: `ws://127.0.0.1:${await control.unusedPort()}` });
    const { end } = await ask(gateway);
    expect(end).toMatchObject({ code: "opend_unreachable" });
    await leavesNothingBehind(gateway);
  });

  it("a wrong key ends as opend_key_refused, the right one is answered", async () => {
    const wrong = await startGateway({ key: "right" }, { OPEND_KEY: "wrong" });
    expect((await ask(wrong)).end).toMatchObject({ code: "opend_key_refused" });
    await leavesNothingBehind(wrong);
    const right = await startGateway({ key: "right" });
    expect((await ask(right)).end).toBe("answered");
  });

  it("a tunnel wants its Access token", async () => {
    const access = { OPEND_ACCESS_CLIENT_ID: "id", OPEND_ACCESS_CLIENT_SECRET: "token" };
    const without = await startGateway({ accessClientSecret: "token" });
    expect((await ask(without)).end).toMatchObject({ code: "opend_unreachable" });
    const having = await startGateway({ accessClientSecret: "token" }, access);
    expect((await ask(having)).end).toBe("answered");
  });
});

describe("a fault of Upstash", () => {
  it.concurrent.each(["hang", "401", "500", "HTML", "nonsense"] as const)(
    "%s ends as store_unavailable",
    async (fault) => {
      const gateway = await startGateway();
      await gateway.upstash.fail(fault);
      const { end, ms } = await ask(gateway);
      expect(end).toMatchObject({ code: "store_unavailable" });
      expect(ms).toBeLessThan(4_000);
      await leavesNothingBehind(gateway);
      expect((await gateway.opend.stats()).calls).toBe(0);
    },
  );

  it("nobody listening ends as store_unavailable", async () => {
    const dead = `http://127.0.0.1:${await control.unusedPort()}`;
    const gateway = await startGateway({}, { UPSTASH_REDIS_REST_URL: dead });
    expect((await ask(gateway)).end).toMatchObject({ code: "store_unavailable" });
    expect((await gateway.opend.stats()).calls).toBe(0);
  });
});

describe("OpenD's own frequency refusal", () => {
  it("stops all calls for a window", async () => {
    const gateway = await startGateway({ fault: "frequency" });
    expect((await ask(gateway)).end).toMatchObject({ code: "upstream_quota_exceeded", retryAfterMs: 30_000 });
    await gateway.opend.set({ fault: "" });
    const { end } = await ask(gateway, "TSLA");
    expect(end).toMatchObject({ code: "upstream_quota_exceeded" });
    expect((await gateway.opend.stats()).calls).toBe(1);
  });
});

describe("a connection that takes longer than a permit keeps", () => {
  it("exchanges the permit before the call", async () => {
    const gateway = await startGateway();
    await gateway.get("/v1/short-interest/US.TSLA"); // From here on Redis knows the scripts.
    await gateway.opend.set({ delayMs: [1_100, 1_100] });
    const before = await gateway.upstash.requests();
    expect((await gateway.get("/v1/short-interest/US.AAPL")).status).toBe(200);
    // Claimed, taken, exchanged, written and settled, counted.
    expect((await gateway.upstash.requests()) - before).toBe(5);
    expect(await gateway.upstash.redis("ZCARD", "short-interest:opend")).toBe(2);
  });
});

describe("a refusal for frequency while others wait for their permits to start", () => {
  it("keeps them from calling", async () => {
    const gateway = await startGateway(
      { windowMs: 1_000 },
      { UPSTREAM_LIMIT: "1", UPSTREAM_WINDOW_SECONDS: "1" },
    );
    await gateway.get("/v1/short-interest/US.AAPL");
    const waiting = gateway.get("/v1/short-interest/US.TSLA");
    await vi.waitFor(async () =>
      expect(await gateway.upstash.redis("ZCARD", "short-interest:opend")).toBe(2),
    );
    await gateway.upstash.redis("SET", "short-interest:opend:blocked", "1", "PX", "30000");
    expect((await waiting).status).toBe(429);
    expect((await gateway.opend.stats()).calls).toBe(1);
  });
});
