import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { parseEnv } from "../../functions/env.ts";
import { Failure } from "../../functions/errors.ts";
import { createPageSource } from "../../functions/page-source/create-page-source.ts";
import { parseSymbol } from "../../functions/short-interest/symbol.ts";
import {
  Clock,
  createDataCenter,
  SHORT_DEADLINES,
  STALE_AFTER_MS,
  startDataCenters as start,
} from "../support/data-center.ts";
import { PERMIT_LOG } from "../support/permit-log.ts";
import { type Service, startService } from "../support/service.ts";
import { startWebhookService } from "../support/webhook-service.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const POLL_SCHEDULE = "short-interest:webhooks:poll-schedule";

/** Requests a page like the poller, which accepts fresh pages only. Returns the code of the failure, and the time. */
async function requestFreshPage(service: Service, clock: Clock, symbol: string) {
  const context = createExecutionContext();
  const pages = createPageSource(parseEnv(service.env), {
    client: "poller",
    freshOnly: true,
    deadlines: SHORT_DEADLINES,
    now: clock.now,
    waitUntil: (work) => context.waitUntil(work),
  });
  const began = Date.now();
  const code = await pages.page(parseSymbol(symbol), "", 2).then(
    () => "none",
    (thrown: unknown) => Failure.from(thrown).code,
  );
  await waitOnExecutionContext(context);
  return { code, ms: Date.now() - began };
}

describe("page in backoff", () => {
  it.each([
    [{ fault: "no permission" }, "opend_no_permission"],
    [{ fault: "unknown stock" }, "opend_failed"],
    [{ unpublished: 3 }, "opend_failed"],
  ])("fails at once for a reader of fresh pages after %j", async (faults, code) => {
    const { service, clock, dataCenters } = await start(1, { CLIENT_SHARE: "30" }, SHORT_DEADLINES);
    await dataCenters[0]?.page("US.AAPL", { num: 50 });
    clock.forward(STALE_AFTER_MS);
    await service.opend.set(faults);
    await dataCenters[0]?.page("US.AAPL");
    const outcome = await requestFreshPage(service, clock, "US.AAPL");
    expect(outcome.code).toBe(code);
    expect(outcome.ms).toBeLessThan(1_000);
    expect((await service.opend.stats()).calls).toBe(2);
  });

  it("that has expired fails at once", async () => {
    const { service, clock, dataCenters } = await start(1, { CLIENT_SHARE: "30" }, SHORT_DEADLINES);
    await dataCenters[0]?.page("US.AAPL");
    clock.forward(8 * DAY - MINUTE);
    await service.opend.set({ fault: "no permission" });
    expect((await dataCenters[0]?.page("US.AAPL"))?.result?.staleReason).toBeDefined();
    clock.forward(2 * MINUTE);
    const { failure, ms } = (await dataCenters[0]?.page("US.AAPL")) ?? {};
    expect(failure).toMatchObject({ code: "opend_no_permission", retryAfterMs: expect.any(Number) });
    expect(ms).toBeLessThan(1_000);
  });

  it("does not end the poll for other symbols", async () => {
    const service = await startWebhookService();
    const symbols = ["US.T0", "US.T1", "US.T2", "US.T3"];
    await service.subscribe("/", symbols);
    await service.runPoller();
    await service.forward(25 * HOUR);
    await service.opend.set({ unpublished: 3 });
    for (const symbol of symbols.slice(0, 2)) {
      await createDataCenter(service, service.clock, SHORT_DEADLINES).page(symbol, { client: "reader" });
    }
    await service.opend.set({ unpublished: 0 });
    for (const symbol of symbols) await service.upstash.redis("ZADD", POLL_SCHEDULE, "0", symbol);
    const before = (await service.opend.stats()).calls;
    await service.runPoller({ deadlines: SHORT_DEADLINES });
    expect((await service.opend.stats()).calls - before).toBe(2);
  });
});

const BATCH = Array.from({ length: 28 }, (_, index) => `US.T${index}`);

/** Caches pages of `BATCH`, and lets them become stale. */
async function startBatch() {
  const service = await startService({ limit: 1_000 }, { CLIENT_SHARE: "15", SUBREQUEST_LIMIT: "10000" });
  const clock = new Clock();
  const origin = `https://${crypto.randomUUID()}.test`;
  const readBatch = async (batch: readonly string[], client: string) => {
    const context = createExecutionContext();
    const pages = createPageSource(parseEnv(service.env), {
      client,
      origin,
      now: clock.now,
      waitUntil: (work) => context.waitUntil(work),
    });
    const began = Date.now();
    const lookups = batch.map((symbol) =>
      pages.page(parseSymbol(symbol), "", 2).then(
        ({ staleReason }) => staleReason,
        (thrown: unknown) => `failed: ${Failure.from(thrown).code}`,
      ),
    );
    const results = await Promise.all(lookups);
    const ms = Date.now() - began;
    await waitOnExecutionContext(context);
    return { results, ms };
  };
  for (const [index, client] of ["a", "b"].entries()) {
    await readBatch(BATCH.slice(14 * index, 14 * index + 14), client);
  }
  clock.forward(STALE_AFTER_MS);
  await service.upstash.redis("DEL", PERMIT_LOG);
  return { service, readBatch };
}

describe.concurrent("batch of stale pages", () => {
  it("does not wait for its refreshes", async () => {
    const { service, readBatch } = await startBatch();
    const delayMs = 3_000;
    await service.opend.set({ delayMs: [delayMs, delayMs] });
    const { results, ms } = await readBatch(BATCH, "reader");
    expect(results.filter((stale) => stale === undefined || stale.startsWith("failed"))).toEqual([]);
    expect(ms).toBeLessThan(delayMs);
  });

  it("waits once for an Upstash that hangs, then is served stale", async () => {
    const { service, readBatch } = await startBatch();
    await service.upstash.fail("hang");
    const { results, ms } = await readBatch(BATCH, "reader");
    expect(new Set(results)).toEqual(new Set(["store_unavailable"]));
    // One wait takes a second; six lookups run at a time.
    expect(ms).toBeLessThan(4_000);
  });
});

describe.concurrent("batch of missing pages", () => {
  it("waits once for an Upstash that hangs, then fails with store_unavailable", async () => {
    const { service, readBatch } = await startBatch();
    await service.upstash.fail("hang");
    const { results, ms } = await readBatch(
      BATCH.map((_, index) => `US.T${100 + index}`),
      "reader",
    );
    expect(new Set(results)).toEqual(new Set(["failed: store_unavailable"]));
    expect(ms).toBeLessThan(5_000);
  });
});
