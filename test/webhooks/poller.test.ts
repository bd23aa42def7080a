import { describe, expect, it } from "vitest";
import { SHORT_DEADLINES } from "../support/data-center.ts";
import { startWebhookService, type WebhookService } from "../support/webhook-service.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const POLL_SCHEDULE = "short-interest:webhooks:poll-schedule";
const SYMBOL_STATUS = "short-interest:webhooks:symbol-status";

const calls = async (service: WebhookService) => (await service.opend.stats()).calls;
const symbols = (count: number) => Array.from({ length: count }, (_, index) => `US.T${index}`);

describe("the poller", () => {
  it("sends nothing on the first poll of a symbol", async () => {
    const service = await startWebhookService();
    await service.subscribe("/", ["US.AAPL", "HK.00700", "US.NONE"]);
    await service.runPoller();
    await service.deliver();
    expect(await service.messages()).toEqual([]);
    expect(await calls(service)).toBe(3);
  });

  it("sends the first row of a symbol that had none", async () => {
    const service = await startWebhookService({ unpublished: 3 });
    await service.subscribe("/", ["US.NEWLY"]);
    await service.runPoller();
    await service.opend.set({ unpublished: 2 });
    await service.forward(25 * HOUR);
    await service.runPoller();
    await service.deliver();
    const [message] = await service.messages();
    expect(JSON.parse(message?.body ?? "").data).toMatchObject({ symbol: "US.NEWLY", previous: null });
  });

  it("sends only the newest of several new rows", async () => {
    const service = await startWebhookService({ unpublished: 4 });
    await service.subscribe("/", ["HK.00700"]);
    await service.runPoller();
    await service.opend.set({ unpublished: 0 });
    await service.pass(26 * HOUR);
    const messages = await service.messages();
    expect(messages.length).toBe(1);
    expect(JSON.parse(messages[0]?.body ?? "").data).toMatchObject({
      row: { timestamp_str: "2026-04-30" },
      previous: { timestamp_str: "2026-04-24" },
    });
  });

  it("sends a row once, also if OpenD withdraws it and returns it again", async () => {
    const service = await startWebhookService();
    await service.subscribe("/", ["HK.00700"]);
    await service.publish();
    await service.pass(HOUR);
    await service.opend.set({ unpublished: 2 });
    await service.pass(30 * HOUR);
    await service.opend.set({ unpublished: 0 });
    await service.pass(30 * HOUR);
    expect((await service.messages()).length).toBe(1);
  });

  it("polls every 6 h before the expected publication, and then with pauses of 15 min to 1 h", async () => {
    const service = await startWebhookService();
    const msUntil = (time: string) => Date.parse(time) - service.clock.now();
    // One day after the newest row.
    service.clock.forward(msUntil("2026-05-01T00:00Z"));
    await service.subscribe("/", ["HK.00700", "US.AAPL"]);
    for (const symbol of ["HK.00700", "US.AAPL"])
      await service.upstash.redis("ZADD", POLL_SCHEDULE, "0", symbol);
    await service.runPoller();
    for (const time of ["2026-05-02T00:00Z", "2026-05-08T00:00Z", "2026-05-12T15:50Z"]) {
      await service.forward(msUntil(time));
      await service.runPoller();
    }
    expect(await calls(service)).toBe(8);
    // Four hours from midnight in Hong Kong.
    await service.pass(msUntil("2026-05-12T20:10Z"));
    const hk = await calls(service);
    expect(hk - 8).toBeGreaterThanOrEqual(5);
    expect(hk - 8).toBeLessThanOrEqual(8);
    // The Hong Kong row is now long overdue. The US row is published at 16:00 in New York; 05-25 is Memorial Day.
    await service.forward(msUntil("2026-05-27T19:50Z"));
    await service.runPoller();
    expect(await calls(service)).toBe(hk + 2);
    await service.pass(msUntil("2026-05-28T00:10Z"));
    const us = (await calls(service)) - hk - 2;
    expect(us).toBeGreaterThanOrEqual(5);
    expect(us).toBeLessThanOrEqual(8);
  });

  it("polls a long overdue symbol every 6 h if no other symbol of its market is polled", async () => {
    const service = await startWebhookService();
    await service.subscribe("/", ["HK.00700"]);
    await service.runPoller();
    await service.pass(5 * HOUR);
    expect(await calls(service)).toBe(1);
    await service.pass(20 * HOUR);
    expect(await calls(service)).toBeGreaterThanOrEqual(4);
    expect(await calls(service)).toBeLessThanOrEqual(5);
  });

  it("polls a symbol once for all its subscribers", async () => {
    const service = await startWebhookService();
    for (const path of ["/a", "/b", "/c"]) await service.subscribe(path);
    await service.subscribe("/d", ["US.AAPL"], "yours");
    await service.publish();
    expect(await calls(service)).toBe(2);
    await service.deliver();
    expect((await service.messages()).length).toBe(4);
  });

  it("polls the longest overdue symbols first", async () => {
    const service = await startWebhookService({}, { SUBREQUEST_LIMIT: "10000" });
    await service.subscribe("/", symbols(12));
    for (const [index, symbol] of symbols(12).entries()) {
      await service.upstash.redis("ZADD", POLL_SCHEDULE, String(1_000 - index), symbol);
    }
    await service.runPoller({ wait: () => Promise.reject(new Error("no time")) });
    const polled = (await service.upstash.redis("HKEYS", SYMBOL_STATUS)) as string[];
    expect(polled.toSorted()).toEqual(symbols(12).slice(2).toSorted());
  });

  it("leaves two thirds of the quota to requests, and continues when the quota allows", async () => {
    const service = await startWebhookService({}, { CLIENT_SHARE: "30", SUBREQUEST_LIMIT: "10000" });
    await service.subscribe("/", symbols(25));
    const headers = { "X-API-Key": "mine" };
    const statuses: number[] = [];
    const waits: { waitMs: number; calls: number }[] = [];
    await service.runPoller({
      wait: async (waitMs) => {
        waits.push({ waitMs, calls: await calls(service) });
        if (waits.length === 1) {
          for (const symbol of symbols(45).slice(25)) {
            statuses.push((await service.get(`/v1/short-interest/${symbol}`, { headers })).status);
          }
        }
        // As if the wait were over.
        await service.opend.set({ limit: 1_000 });
        await service.forward(MINUTE);
      },
    });
    expect(statuses).toEqual(Array.from({ length: 20 }, () => 200));
    expect(waits.map((wait) => wait.calls)).toEqual([10, 40]);
    for (const { waitMs } of waits) {
      expect(waitMs).toBeGreaterThan(25_000);
      expect(waitMs).toBeLessThanOrEqual(31_000);
    }
    expect(await calls(service)).toBe(45);
    expect(await service.upstash.redis("HLEN", SYMBOL_STATUS)).toBe(25);
  });

  it("waits for the quota rather than use stale pages", async () => {
    const service = await startWebhookService({ unpublished: 1 }, { SUBREQUEST_LIMIT: "10000" });
    await service.subscribe("/", symbols(25));
    const wait = async () => {
      await service.opend.set({ limit: 1_000 });
      await service.forward(MINUTE);
    };
    await service.runPoller({ wait });
    await service.opend.set({ unpublished: 0 });
    await service.forward(25 * HOUR);
    await service.runPoller({ wait });
    expect(service.queue.messages.length).toBe(25);
  });

  it("ends after 10 min", async () => {
    const service = await startWebhookService({}, { SUBREQUEST_LIMIT: "10000" });
    await service.subscribe("/", symbols(12));
    const startedAt = service.clock.now();
    await service.runPoller();
    const minutes = (service.clock.now() - startedAt) / MINUTE;
    expect(minutes).toBeGreaterThan(8);
    expect(minutes).toBeLessThanOrEqual(10.1);
    expect(await calls(service)).toBe(10);
  });

  it("polls overdue symbols before newly subscribed ones", async () => {
    const service = await startWebhookService({ unpublished: 1 });
    await service.subscribe("/victim", ["US.AAPL"]);
    await service.runPoller();
    await service.opend.set({ unpublished: 0 });
    await service.forward(25 * HOUR);
    // Due a minute before the others are subscribed. The API uses real time.
    await service.upstash.redis("ZADD", POLL_SCHEDULE, String(Date.now() - MINUTE), "US.AAPL");
    const { id } = await service.subscribe("/many", symbols(50), "yours");
    for (let count = 0; count < 4; count += 1) {
      const others = symbols(50 * (count + 2)).slice(-50);
      await service.request("PATCH", `/${id}`, { symbols: others }, "yours");
      await service.runPoller();
      await service.forward(15 * MINUTE);
    }
    await service.deliver();
    expect((await service.messages()).map(({ path }) => path)).toEqual(["/victim"]);
  });

  it("ends after two symbols that OpenD does not answer, and polls the others in the next run", async () => {
    const service = await startWebhookService({ unpublished: 1 });
    await service.subscribe("/", ["US.AAPL", "US.T1", "US.T2", "US.T3"]);
    await service.opend.set({ fault: "silence" });
    await service.runPoller({ deadlines: SHORT_DEADLINES });
    await service.opend.set({ fault: "" });
    await service.forward(MINUTE);
    // The failed symbols are due later than the others.
    await service.upstash.redis("DEL", "short-interest:circuit");
    await service.forward(6 * MINUTE);
    await service.runPoller();
    const statuses = (await service.upstash.redis("HVALS", SYMBOL_STATUS)) as string[];
    expect(statuses.filter((status) => / $/.test(status)).length).toBe(2);
    expect(statuses.filter((status) => status.endsWith("opend_timeout")).length).toBe(2);
  });

  it("shares its part of the quota with overlapping runs", async () => {
    const service = await startWebhookService({}, { SUBREQUEST_LIMIT: "10000" });
    await service.subscribe("/", symbols(30));
    const wait = () => Promise.reject(new Error("no time"));
    await Promise.all([1, 2, 3].map(() => service.runPoller({ wait })));
    expect(await service.opend.stats()).toMatchObject({ calls: 10, refused: 0 });
  });

  it("uses at most 50 subrequests, and continues in the next run", async () => {
    const service = await startWebhookService();
    await service.subscribe("/", symbols(12));
    let runs = 0;
    for (; (await service.upstash.redis("HLEN", SYMBOL_STATUS)) !== 12; runs += 1) {
      const before = (await service.upstash.requests()) + (await service.opend.stats()).upgrades;
      await service.runPoller();
      const caused = (await service.upstash.requests()) + (await service.opend.stats()).upgrades - before;
      expect(caused).toBeLessThanOrEqual(50);
      await service.forward(15 * MINUTE);
    }
    expect(runs).toBeLessThanOrEqual(4);
  });

  it("continues after an unknown symbol, and records the error when OpenD is unreachable", async () => {
    const service = await startWebhookService();
    await service.subscribe("/", ["US.NOSUCH", "US.AAPL"]);
    await service.runPoller();
    const statuses = async () =>
      Object.fromEntries(
        (await Promise.all(
          ["US.NOSUCH", "US.AAPL"].map(async (symbol) => [
            symbol,
            String(await service.upstash.redis("HGET", SYMBOL_STATUS, symbol)).split(" "),
          ]),
        )) as [string, string[]][],
      );
    expect(await statuses()).toMatchObject({
      "US.NOSUCH": ["", expect.any(String), "unknown_symbol"],
      "US.AAPL": ["1777521600", expect.any(String), ""],
    });
    await service.opend.set({ fault: "drop" });
    await service.forward(25 * HOUR);
    await service.runPoller();
    expect((await statuses())["US.AAPL"]).toMatchObject([
      "1777521600",
      expect.any(String),
      "opend_unreachable",
    ]);
    await service.opend.set({ fault: "", unpublished: 0 });
    await service.pass(HOUR);
    expect((await statuses())["US.AAPL"]).toMatchObject(["1777521600", expect.any(String), ""]);
  });
});
