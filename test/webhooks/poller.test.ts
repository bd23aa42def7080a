import { describe, expect, it } from "vitest";
import { SHORT } from "../support/data-center.ts";
import { startWebhookService, type WebhookService } from "../support/webhook-service.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const WATCH = "short-interest:webhooks:poll-schedule";
const NEWEST = "short-interest:webhooks:symbol-status";

const calls = async (service: WebhookService) => (await service.opend.stats()).calls;
const symbols = (count: number) => Array.from({ length: count }, (_, at) => `US.T${at}`);

describe("the watch", () => {
  it("begins with what is there, and says nothing of it", async () => {
    const service = await startWebhookService();
    await service.subscribe("/", ["US.AAPL", "HK.00700", "US.NONE"]);
    await service.pass(HOUR);
    expect(await service.messages()).toEqual([]);
    expect(await calls(service)).toBe(3);
  });

  it("tells of the first row of a security that had none", async () => {
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

  it("tells of the newest row where several came at once", async () => {
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

  it("never goes back: a row that is taken away and comes again is told of once", async () => {
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

  it("does not look before a row may be published, and then once an hour", async () => {
    const service = await startWebhookService();
    const until = (moment: string) => Date.parse(moment) - service.clock.now();
    // The newest row is of yesterday.
    service.clock.forward(until("2026-05-01T00:00Z"));
    await service.subscribe("/", ["HK.00700", "US.AAPL"]);
    for (const symbol of ["HK.00700", "US.AAPL"]) await service.upstash.redis("ZADD", WATCH, "0", symbol);
    await service.runPoller();
    for (const moment of ["2026-05-02T00:00Z", "2026-05-08T00:00Z", "2026-05-12T15:50Z"]) {
      await service.forward(until(moment));
      await service.runPoller();
    }
    expect(await calls(service)).toBe(2);
    // From midnight in Hong Kong on, for four hours.
    await service.pass(until("2026-05-12T20:10Z"));
    const hk = await calls(service);
    expect(hk - 2).toBeGreaterThanOrEqual(3);
    expect(hk - 2).toBeLessThanOrEqual(5);
    // By then Hong Kong's is long overdue. The US row is published at 16:00 in New York; 05-25 is Memorial Day.
    await service.forward(until("2026-05-27T19:50Z"));
    await service.runPoller();
    expect(await calls(service)).toBe(hk + 1);
    await service.pass(until("2026-05-28T00:10Z"));
    const us = (await calls(service)) - hk - 1;
    expect(us).toBeGreaterThanOrEqual(3);
    expect(us).toBeLessThanOrEqual(5);
  });

  it("looks once a day for what is long overdue", async () => {
    const service = await startWebhookService();
    await service.subscribe("/", ["HK.00700"]);
    await service.runPoller();
    await service.pass(23 * HOUR);
    expect(await calls(service)).toBe(1);
    await service.pass(2 * HOUR);
    expect(await calls(service)).toBe(2);
  });

  it("asks for a symbol once, however many want it", async () => {
    const service = await startWebhookService();
    for (const path of ["/a", "/b", "/c"]) await service.subscribe(path);
    await service.subscribe("/d", ["US.AAPL"], "yours");
    await service.publish();
    expect(await calls(service)).toBe(2);
    await service.deliver();
    expect((await service.messages()).length).toBe(4);
  });

  it("looks first at what was due first", async () => {
    const service = await startWebhookService({}, { SUBREQUEST_LIMIT: "10000" });
    await service.subscribe("/", symbols(12));
    for (const [at, symbol] of symbols(12).entries()) {
      await service.upstash.redis("ZADD", WATCH, String(1_000 - at), symbol);
    }
    await service.runPoller({ wait: () => Promise.reject(new Error("no time")) });
    const seen = (await service.upstash.redis("HKEYS", NEWEST)) as string[];
    expect(seen.toSorted()).toEqual(symbols(12).slice(2).toSorted());
  });

  it("leaves two thirds of the calls to callers, and goes on when there are more", async () => {
    const service = await startWebhookService({}, { CLIENT_SHARE: "30", SUBREQUEST_LIMIT: "10000" });
    await service.subscribe("/", symbols(25));
    const headers = { "X-API-Key": "mine" };
    const statuses: number[] = [];
    const waited: { ms: number; calls: number }[] = [];
    await service.runPoller({
      wait: async (ms) => {
        waited.push({ ms, calls: await calls(service) });
        if (waited.length === 1) {
          for (const symbol of symbols(45).slice(25)) {
            statuses.push((await service.get(`/v1/short-interest/${symbol}`, { headers })).status);
          }
        }
        // As after so long a wait.
        await service.opend.set({ limit: 1_000 });
        await service.forward(MINUTE);
      },
    });
    expect(statuses).toEqual(Array.from({ length: 20 }, () => 200));
    expect(waited.map((each) => each.calls)).toEqual([10, 40]);
    for (const { ms } of waited) {
      expect(ms).toBeGreaterThan(29_000);
      expect(ms).toBeLessThanOrEqual(31_000);
    }
    expect(await calls(service)).toBe(45);
    expect(await service.upstash.redis("HLEN", NEWEST)).toBe(25);
  });

  it("waits for calls also where it has old copies of all", async () => {
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

  it("is over after ten minutes, whatever is left", async () => {
    const service = await startWebhookService({}, { SUBREQUEST_LIMIT: "10000" });
    await service.subscribe("/", symbols(12));
    const began = service.clock.now();
    await service.runPoller();
    const minutes = (service.clock.now() - began) / MINUTE;
    expect(minutes).toBeGreaterThan(8);
    expect(minutes).toBeLessThanOrEqual(10.1);
    expect(await calls(service)).toBe(10);
  });

  it("looks at what is new after what is due, however much of it comes", async () => {
    const service = await startWebhookService({ unpublished: 1 });
    await service.subscribe("/victim", ["US.AAPL"]);
    await service.runPoller();
    await service.opend.set({ unpublished: 0 });
    await service.forward(25 * HOUR);
    // It was due a minute before the others were wanted; those are by the true time.
    await service.upstash.redis("ZADD", WATCH, String(Date.now() - MINUTE), "US.AAPL");
    const { id } = await service.subscribe("/many", symbols(50), "yours");
    for (let time = 0; time < 4; time += 1) {
      const others = symbols(50 * (time + 2)).slice(-50);
      await service.request("PATCH", `/${id}`, { symbols: others }, "yours");
      await service.runPoller();
      await service.forward(15 * MINUTE);
    }
    await service.deliver();
    expect((await service.messages()).map(({ path }) => path)).toEqual(["/victim"]);
  });

  it("is not held up by a symbol that OpenD never answers", async () => {
    const service = await startWebhookService({ unpublished: 1 });
    await service.subscribe("/", ["US.AAPL", "US.T1", "US.T2", "US.T3"]);
    await service.opend.set({ fault: "silence" });
    await service.runPoller({ deadlines: SHORT });
    await service.opend.set({ fault: "" });
    await service.forward(MINUTE);
    // The two that it has tried are put off, and the others not passed over for them.
    await service.upstash.redis("DEL", "short-interest:circuit");
    await service.forward(6 * MINUTE);
    await service.runPoller();
    const seen = (await service.upstash.redis("HVALS", NEWEST)) as string[];
    expect(seen.filter((each) => / $/.test(each)).length).toBe(2);
    expect(seen.filter((each) => each.endsWith("opend_timeout")).length).toBe(2);
  });

  it("shares its calls with a watch that overlaps", async () => {
    const service = await startWebhookService({}, { SUBREQUEST_LIMIT: "10000" });
    await service.subscribe("/", symbols(30));
    const wait = () => Promise.reject(new Error("no time"));
    await Promise.all([1, 2, 3].map(() => service.runPoller({ wait })));
    expect(await service.opend.stats()).toMatchObject({ calls: 10, refused: 0 });
  });

  it("keeps within the subrequests of the free plan, and goes on the next time", async () => {
    const service = await startWebhookService();
    await service.subscribe("/", symbols(12));
    let watches = 0;
    for (; (await service.upstash.redis("HLEN", NEWEST)) !== 12; watches += 1) {
      const before = (await service.upstash.requests()) + (await service.opend.stats()).upgrades;
      await service.runPoller();
      const caused = (await service.upstash.requests()) + (await service.opend.stats()).upgrades - before;
      expect(caused).toBeLessThanOrEqual(50);
      await service.forward(15 * MINUTE);
    }
    expect(watches).toBeLessThanOrEqual(4);
  });

  it("goes on where a symbol is nobody's, and stops where OpenD is gone", async () => {
    const service = await startWebhookService();
    await service.subscribe("/", ["US.NOSUCH", "US.AAPL"]);
    await service.runPoller();
    const seen = async () =>
      Object.fromEntries(
        (await Promise.all(
          ["US.NOSUCH", "US.AAPL"].map(async (symbol) => [
            symbol,
            String(await service.upstash.redis("HGET", NEWEST, symbol)).split(" "),
          ]),
        )) as [string, string[]][],
      );
    expect(await seen()).toMatchObject({
      "US.NOSUCH": ["", expect.any(String), "unknown_symbol"],
      "US.AAPL": ["1777521600", expect.any(String), ""],
    });
    await service.opend.set({ fault: "drop" });
    await service.forward(25 * HOUR);
    await service.runPoller();
    // It looks again soon.
    expect((await seen())["US.AAPL"]).toMatchObject(["1777521600", expect.any(String), "opend_unreachable"]);
    await service.opend.set({ fault: "", unpublished: 0 });
    await service.pass(HOUR);
    expect((await seen())["US.AAPL"]).toMatchObject(["1777521600", expect.any(String), ""]);
  });
});
