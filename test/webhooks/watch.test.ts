import { describe, expect, it } from "vitest";
import { SHORT } from "../support/data-center.ts";
import { type PostOffice, startPostOffice } from "../support/post-office.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const WATCH = "short-interest:webhooks:watch";
const NEWEST = "short-interest:webhooks:newest";

const calls = async (office: PostOffice) => (await office.opend.stats()).calls;
const symbols = (count: number) => Array.from({ length: count }, (_, at) => `US.T${at}`);

describe("the watch", () => {
  it("begins with what is there, and says nothing of it", async () => {
    const office = await startPostOffice();
    await office.subscribe("/", ["US.AAPL", "HK.00700", "US.NONE"]);
    await office.pass(HOUR);
    expect(await office.messages()).toEqual([]);
    expect(await calls(office)).toBe(3);
  });

  it("tells of the first row of a security that had none", async () => {
    const office = await startPostOffice({ unpublished: 3 });
    await office.subscribe("/", ["US.NEWLY"]);
    await office.runWatch();
    await office.opend.set({ unpublished: 2 });
    await office.forward(25 * HOUR);
    await office.runWatch();
    await office.deliver();
    const [message] = await office.messages();
    expect(JSON.parse(message?.body ?? "").data).toMatchObject({ symbol: "US.NEWLY", previous: null });
  });

  it("tells of the newest row where several came at once", async () => {
    const office = await startPostOffice({ unpublished: 4 });
    await office.subscribe("/", ["HK.00700"]);
    await office.runWatch();
    await office.opend.set({ unpublished: 0 });
    await office.pass(26 * HOUR);
    const messages = await office.messages();
    expect(messages.length).toBe(1);
    expect(JSON.parse(messages[0]?.body ?? "").data).toMatchObject({
      row: { timestamp_str: "2026-04-30" },
      previous: { timestamp_str: "2026-04-24" },
    });
  });

  it("never goes back: a row that is taken away and comes again is told of once", async () => {
    const office = await startPostOffice();
    await office.subscribe("/", ["HK.00700"]);
    await office.publish();
    await office.pass(HOUR);
    await office.opend.set({ unpublished: 2 });
    await office.pass(30 * HOUR);
    await office.opend.set({ unpublished: 0 });
    await office.pass(30 * HOUR);
    expect((await office.messages()).length).toBe(1);
  });

  it("does not look before a row may be published, and then once an hour", async () => {
    const office = await startPostOffice();
    const until = (moment: string) => Date.parse(moment) - office.clock.now();
    // The newest row is of yesterday.
    office.clock.forward(until("2026-05-01T00:00Z"));
    await office.subscribe("/", ["HK.00700", "US.AAPL"]);
    for (const symbol of ["HK.00700", "US.AAPL"]) await office.upstash.redis("ZADD", WATCH, "0", symbol);
    await office.runWatch();
    for (const moment of ["2026-05-02T00:00Z", "2026-05-08T00:00Z", "2026-05-12T15:50Z"]) {
      await office.forward(until(moment));
      await office.runWatch();
    }
    expect(await calls(office)).toBe(2);
    // From midnight in Hong Kong on, for four hours.
    await office.pass(until("2026-05-12T20:10Z"));
    const hk = await calls(office);
    expect(hk - 2).toBeGreaterThanOrEqual(3);
    expect(hk - 2).toBeLessThanOrEqual(5);
    // By then Hong Kong's is long overdue. The US row is published at 16:00 in New York; 05-25 is Memorial Day.
    await office.forward(until("2026-05-27T19:50Z"));
    await office.runWatch();
    expect(await calls(office)).toBe(hk + 1);
    await office.pass(until("2026-05-28T00:10Z"));
    const us = (await calls(office)) - hk - 1;
    expect(us).toBeGreaterThanOrEqual(3);
    expect(us).toBeLessThanOrEqual(5);
  });

  it("looks once a day for what is long overdue", async () => {
    const office = await startPostOffice();
    await office.subscribe("/", ["HK.00700"]);
    await office.runWatch();
    await office.pass(23 * HOUR);
    expect(await calls(office)).toBe(1);
    await office.pass(2 * HOUR);
    expect(await calls(office)).toBe(2);
  });

  it("asks for a symbol once, however many want it", async () => {
    const office = await startPostOffice();
    for (const path of ["/a", "/b", "/c"]) await office.subscribe(path);
    await office.subscribe("/d", ["US.AAPL"], "yours");
    await office.publish();
    expect(await calls(office)).toBe(2);
    await office.deliver();
    expect((await office.messages()).length).toBe(4);
  });

  it("looks first at what was due first", async () => {
    const office = await startPostOffice({}, { SUBREQUEST_LIMIT: "10000" });
    await office.subscribe("/", symbols(12));
    for (const [at, symbol] of symbols(12).entries()) {
      await office.upstash.redis("ZADD", WATCH, String(1_000 - at), symbol);
    }
    await office.runWatch({ wait: () => Promise.reject(new Error("no time")) });
    const seen = (await office.upstash.redis("HKEYS", NEWEST)) as string[];
    expect(seen.toSorted()).toEqual(symbols(12).slice(2).toSorted());
  });

  it("leaves two thirds of the calls to callers, and goes on when there are more", async () => {
    const office = await startPostOffice({}, { CLIENT_SHARE: "30", SUBREQUEST_LIMIT: "10000" });
    await office.subscribe("/", symbols(25));
    const headers = { "X-API-Key": "mine" };
    const statuses: number[] = [];
    const waited: { ms: number; calls: number }[] = [];
    await office.runWatch({
      wait: async (ms) => {
        waited.push({ ms, calls: await calls(office) });
        if (waited.length === 1) {
          for (const symbol of symbols(45).slice(25)) {
            statuses.push((await office.get(`/v1/short-interest/${symbol}`, { headers })).status);
          }
        }
        // As after so long a wait.
        await office.opend.set({ limit: 1_000 });
        await office.forward(MINUTE);
      },
    });
    expect(statuses).toEqual(Array.from({ length: 20 }, () => 200));
    expect(waited.map((each) => each.calls)).toEqual([10, 40]);
    for (const { ms } of waited) {
      expect(ms).toBeGreaterThan(29_000);
      expect(ms).toBeLessThanOrEqual(31_000);
    }
    expect(await calls(office)).toBe(45);
    expect(await office.upstash.redis("HLEN", NEWEST)).toBe(25);
  });

  it("waits for calls also where it has old copies of all", async () => {
    const office = await startPostOffice({ unpublished: 1 }, { SUBREQUEST_LIMIT: "10000" });
    await office.subscribe("/", symbols(25));
    const wait = async () => {
      await office.opend.set({ limit: 1_000 });
      await office.forward(MINUTE);
    };
    await office.runWatch({ wait });
    await office.opend.set({ unpublished: 0 });
    await office.forward(25 * HOUR);
    await office.runWatch({ wait });
    expect(office.queue.messages.length).toBe(25);
  });

  it("is over after ten minutes, whatever is left", async () => {
    const office = await startPostOffice({}, { SUBREQUEST_LIMIT: "10000" });
    await office.subscribe("/", symbols(12));
    const began = office.clock.now();
    await office.runWatch();
    const minutes = (office.clock.now() - began) / MINUTE;
    expect(minutes).toBeGreaterThan(8);
    expect(minutes).toBeLessThanOrEqual(10.1);
    expect(await calls(office)).toBe(10);
  });

  it("looks at what is new after what is due, however much of it comes", async () => {
    const office = await startPostOffice({ unpublished: 1 });
    await office.subscribe("/victim", ["US.AAPL"]);
    await office.runWatch();
    await office.opend.set({ unpublished: 0 });
    await office.forward(25 * HOUR);
    // It was due a minute before the others were wanted; those are by the true time.
    await office.upstash.redis("ZADD", WATCH, String(Date.now() - MINUTE), "US.AAPL");
    const { id } = await office.subscribe("/many", symbols(50), "yours");
    for (let time = 0; time < 4; time += 1) {
      const others = symbols(50 * (time + 2)).slice(-50);
      await office.ask("PATCH", `/${id}`, { symbols: others }, "yours");
      await office.runWatch();
      await office.forward(15 * MINUTE);
    }
    await office.deliver();
    expect((await office.messages()).map(({ path }) => path)).toEqual(["/victim"]);
  });

  it("is not held up by a symbol that OpenD never answers", async () => {
    const office = await startPostOffice({ unpublished: 1 });
    await office.subscribe("/", ["US.AAPL", "US.T1", "US.T2", "US.T3"]);
    await office.opend.set({ fault: "silence" });
    await office.runWatch({ deadlines: SHORT });
    await office.opend.set({ fault: "" });
    await office.forward(MINUTE);
    // The two that it has tried are put off, and the others not passed over for them.
    await office.upstash.redis("DEL", "short-interest:circuit");
    await office.forward(6 * MINUTE);
    await office.runWatch();
    const seen = (await office.upstash.redis("HVALS", NEWEST)) as string[];
    expect(seen.filter((each) => / $/.test(each)).length).toBe(2);
    expect(seen.filter((each) => each.endsWith("opend_timeout")).length).toBe(2);
  });

  it("shares its calls with a watch that overlaps", async () => {
    const office = await startPostOffice({}, { SUBREQUEST_LIMIT: "10000" });
    await office.subscribe("/", symbols(30));
    const wait = () => Promise.reject(new Error("no time"));
    await Promise.all([1, 2, 3].map(() => office.runWatch({ wait })));
    expect(await office.opend.stats()).toMatchObject({ calls: 10, refused: 0 });
  });

  it("keeps within the subrequests of the free plan, and goes on the next time", async () => {
    const office = await startPostOffice();
    await office.subscribe("/", symbols(12));
    let watches = 0;
    for (; (await office.upstash.redis("HLEN", NEWEST)) !== 12; watches += 1) {
      const before = (await office.upstash.requests()) + (await office.opend.stats()).openings;
      await office.runWatch();
      const caused = (await office.upstash.requests()) + (await office.opend.stats()).openings - before;
      expect(caused).toBeLessThanOrEqual(50);
      await office.forward(15 * MINUTE);
    }
    expect(watches).toBeLessThanOrEqual(4);
  });

  it("goes on where a symbol is nobody's, and stops where OpenD is gone", async () => {
    const office = await startPostOffice();
    await office.subscribe("/", ["US.NOSUCH", "US.AAPL"]);
    await office.runWatch();
    const seen = async () =>
      Object.fromEntries(
        (await Promise.all(
          ["US.NOSUCH", "US.AAPL"].map(async (symbol) => [
            symbol,
            String(await office.upstash.redis("HGET", NEWEST, symbol)).split(" "),
          ]),
        )) as [string, string[]][],
      );
    expect(await seen()).toMatchObject({
      "US.NOSUCH": ["", expect.any(String), "unknown_symbol"],
      "US.AAPL": ["1777521600", expect.any(String), ""],
    });
    await office.opend.set({ fault: "drop" });
    await office.forward(25 * HOUR);
    await office.runWatch();
    // It looks again soon.
    expect((await seen())["US.AAPL"]).toMatchObject(["1777521600", expect.any(String), "opend_unreachable"]);
    await office.opend.set({ fault: "", unpublished: 0 });
    await office.pass(HOUR);
    expect((await seen())["US.AAPL"]).toMatchObject(["1777521600", expect.any(String), ""]);
  });
});
