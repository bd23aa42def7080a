import { describe, expect, it } from "vitest";
import { type PostOffice, startPostOffice } from "../support/post-office.ts";
import { verify } from "../support/verify.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const tries = async (office: PostOffice, id: string) => {
  const response = await office.ask("GET", `/${id}/deliveries`);
  const { items } = await response.json<{ items: Record<string, unknown>[] }>();
  return items.filter(({ type }) => type !== "webhook.test");
};
const webhook = async (office: PostOffice, id: string) =>
  (await office.ask("GET", `/${id}`)).json<Record<string, unknown>>();
const arrivals = async (office: PostOffice, path = "/") =>
  (await office.messages()).filter((message) => message.path === path);

describe("a published row", () => {
  it("reaches every subscriber of its symbol, signed, and nobody else", async () => {
    const office = await startPostOffice();
    const first = await office.subscribe("/first", ["US.AAPL", "HK.700"]);
    await office.subscribe("/second", ["us.aapl"], "yours");
    await office.subscribe("/third", ["US.TSLA"]);
    await office.publish();
    await office.pass(MINUTE);
    expect((await arrivals(office, "/third")).length).toBe(1);
    const both = await arrivals(office, "/first");
    expect(both.length).toBe(2);
    for (const message of both) {
      expect(message.method).toBe("POST");
      expect(message.headers["content-type"]).toBe("application/json");
      expect(message.body.length).toBeLessThan(20_000);
      expect(verify(message, first.secret)).toEqual(JSON.parse(message.body));
    }
    const second = await arrivals(office, "/second");
    expect(second.length).toBe(1);
    expect(JSON.parse(second[0]?.body ?? "")).toEqual({
      type: "short_interest.published",
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      data: {
        symbol: "US.AAPL",
        market: "US",
        row: expect.objectContaining({ timestamp_str: "2026-04-30", shares_short: expect.any(Number) }),
        previous: expect.objectContaining({ timestamp_str: "2026-04-15" }),
      },
    });
    // For an hour of watching on, nothing comes twice.
    await office.pass(2 * DAY);
    expect((await office.messages()).length).toBe(4);
  });

  it("keeps every digit of its counts", async () => {
    const office = await startPostOffice();
    await office.subscribe("/", ["US.HUGE"]);
    await office.publish();
    await office.pass(MINUTE);
    expect((await arrivals(office))[0]?.body).toContain('"shares_short":9007199254740993,');
  });
});

describe("a receiver that fails", () => {
  it("is tried again by the schedule, each time under the same id, until it answers well", async () => {
    const office = await startPostOffice();
    const { id, secret } = await office.subscribe();
    await office.answerAt("/", { status: 500 });
    await office.publish();
    await office.pass(20 * HOUR);
    await office.answerAt("/", {});
    await office.pass(2 * DAY);
    const messages = await arrivals(office);
    expect(new Set(messages.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    expect(new Set(messages.map(({ body }) => body)).size).toBe(1);
    const sentAt = messages.map(({ headers }) => Number(headers["webhook-timestamp"]));
    const pauses = sentAt.slice(1).map((at, before) => at - (sentAt[before] ?? 0));
    for (const [at, pause] of [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400].entries()) {
      expect(pauses[at]).toBeGreaterThanOrEqual(pause);
      expect(pauses[at]).toBeLessThanOrEqual(1.1 * pause + 2);
    }
    expect(pauses.length).toBe(7);
    for (const message of messages) verify(message, secret);
    const noted = await tries(office, id);
    expect(noted.map(({ status }) => status)).toEqual([204, 500, 500, 500, 500, 500, 500, 500]);
    expect(noted[0]).toEqual({
      id: messages[0]?.headers["webhook-id"],
      type: "short_interest.published",
      symbol: "US.AAPL",
      at: sentAt.at(-1),
      status: 204,
      error: null,
      milliseconds: expect.any(Number),
      next_try_at: null,
    });
    expect(noted[1]?.next_try_at).toBeGreaterThanOrEqual(Number(noted[1]?.at) + 50_400);
    expect(await webhook(office, id)).toMatchObject({ active: true, failing_since: null });
  });

  it.each([
    ["redirects", { status: 302, headers: { Location: "/elsewhere" } }, 302, null],
    ["is too slow", { afterMs: -1 }, null, "timeout"],
  ])("has not got it where it %s", async (_, answer, status, error) => {
    const office = await startPostOffice();
    const { id } = await office.subscribe();
    await office.answerAt("/", answer);
    await office.publish();
    await office.deliver();
    expect((await arrivals(office, "/elsewhere")).length).toBe(0);
    expect(await tries(office, id)).toMatchObject([{ status, error, next_try_at: expect.any(Number) }]);
    expect(await webhook(office, id)).toMatchObject({ failing_since: expect.any(Number) });
  });

  it("has got it where its answer never ends", async () => {
    const office = await startPostOffice();
    const { id } = await office.subscribe();
    await office.answerAt("/", { status: 200, endless: true });
    await office.publish();
    await office.deliver();
    expect(await tries(office, id)).toMatchObject([{ status: 200, error: null, next_try_at: null }]);
  });

  it("is left alone for as long as its Retry-After says", async () => {
    const office = await startPostOffice();
    await office.subscribe();
    await office.answerAt("/", { status: 503, headers: { "Retry-After": "3600" } });
    await office.publish();
    await office.deliver();
    await office.answerAt("/", {});
    await office.pass(59 * MINUTE);
    expect((await arrivals(office)).length).toBe(1);
    await office.pass(2 * MINUTE);
    expect((await arrivals(office)).length).toBe(2);
  });

  it("ends its webhook with 410, and its other messages with it", async () => {
    const office = await startPostOffice();
    const { id } = await office.subscribe("/", ["US.AAPL", "US.TSLA"]);
    await office.answerAt("/", { status: 410 });
    await office.publish();
    await office.pass(2 * DAY);
    expect((await arrivals(office)).length).toBeLessThanOrEqual(2);
    expect(await webhook(office, id)).toMatchObject({ active: false, reason: "gone" });
    expect(await office.upstash.redis("ZCARD", "short-interest:webhooks:pending")).toBe(0);
    expect(await office.upstash.redis("ZCARD", "short-interest:webhooks:watch")).toBe(0);
  });

  it("is given up after ten tries, and switched off where five days have brought nothing but failures", async () => {
    const office = await startPostOffice();
    const { id } = await office.subscribe("/", ["HK.00700"]);
    await office.answerAt("/", { status: 500 });
    await office.publish();
    await office.pass(4 * DAY);
    expect((await arrivals(office)).length).toBe(10);
    expect(await office.upstash.redis("ZCARD", "short-interest:webhooks:pending")).toBe(0);
    expect(await office.upstash.redis("HLEN", "short-interest:webhooks:tries")).toBe(0);
    expect(await webhook(office, id)).toMatchObject({ active: true, reason: null });
    // Another row, whose last try is more than five days after the first failure.
    await office.upstash.redis("HSET", "short-interest:webhooks:newest", "HK.00700", "1776960000 0 ");
    await office.pass(5 * DAY);
    expect((await arrivals(office)).length).toBe(20);
    const off = await webhook(office, id);
    expect(off).toMatchObject({ active: false, reason: "failing", failing_since: expect.any(Number) });
    // Its owner switches it on again, which is verified.
    expect((await office.ask("PATCH", `/${id}`, { active: true })).status).toBe(422);
    await office.answerAt("/", {});
    expect(await (await office.ask("PATCH", `/${id}`, { active: true })).json()).toMatchObject({
      active: true,
      reason: null,
      failing_since: null,
    });
  }, 60_000);
});

describe("a webhook", () => {
  it("is sent nothing after its address has become one that nothing is sent to", async () => {
    const office = await startPostOffice();
    const { id } = await office.subscribe();
    await office.upstash.redis("HSET", `short-interest:webhooks:webhook:${id}`, "url", "https://127.0.0.1/x");
    await office.publish();
    await office.deliver();
    expect(await tries(office, id)).toMatchObject([{ status: null, error: "refused_address" }]);
  });

  it("ends with its owner's key", async () => {
    const office = await startPostOffice();
    const { id } = await office.subscribe();
    await office.publish();
    await office.deliver({ API_KEYS: office.keys.split(",")[1] });
    expect((await arrivals(office)).length).toBe(0);
    expect(await webhook(office, id)).toMatchObject({ active: false, reason: "revoked" });
    expect(await tries(office, id)).toMatchObject([{ status: null, error: "revoked", next_try_at: null }]);
  });

  it("signs with both secrets for a day after a rotation, and then with the new one", async () => {
    const office = await startPostOffice();
    const { id, secret: first } = await office.subscribe();
    const rotate = async () => (await office.ask("POST", `/${id}/rotate`)).json<{ secret: string }>();
    const [{ secret: second }, { secret: third }] = [await rotate(), await rotate()];
    expect((await office.ask("POST", `/${id}/test`)).status).toBe(200);
    const tested = (await office.tests()).at(-1);
    for (const secret of [first, second, third]) expect(tested && verify(tested, secret)).toBeTruthy();
    // The row comes more than a day later.
    await office.publish();
    await office.deliver();
    const [message] = await arrivals(office);
    expect(message && verify(message, third)).toBeTruthy();
    for (const secret of [first, second]) expect(() => message && verify(message, secret)).toThrow();
  });
});

describe("the queue", () => {
  it("may hand out a message twice, at once or later", async () => {
    const office = await startPostOffice();
    await office.subscribe();
    await office.publish();
    const twice = () => office.queue.messages.push(...office.queue.messages.map((each) => ({ ...each })));
    twice();
    twice();
    const copies = [...office.queue.messages];
    await office.deliver();
    expect((await arrivals(office)).length).toBe(1);
    office.queue.messages.push(...copies);
    await office.pass(HOUR);
    expect((await arrivals(office)).length).toBe(1);
  });

  it("may lose a message", async () => {
    const office = await startPostOffice();
    await office.subscribe();
    await office.publish();
    office.queue.messages = [];
    await office.pass(40 * MINUTE);
    expect((await arrivals(office)).length).toBe(1);
  });

  it("may refuse to take any", async () => {
    const office = await startPostOffice();
    await office.subscribe();
    office.queue.broken = true;
    await office.publish().catch(() => undefined);
    office.queue.broken = false;
    await office.pass(40 * MINUTE);
    expect((await arrivals(office)).length).toBe(1);
  });

  it("sends back what is not a delivery, until it is dead", async () => {
    const office = await startPostOffice();
    office.queue.messages.push({ body: JSON.parse('{"x":1}'), at: 0, attempts: 1 });
    await office.deliver();
    expect(office.queue.messages).toMatchObject([{ attempts: 2 }]);
  });
});

describe("Upstash", () => {
  it.each(["hang", "500", "HTML", "nonsense"] as const)(
    "may be gone for a minute at any step: %s",
    async (fault) => {
      // Of the deliveries it is asked at the begin and at the end; of the watch, in between as well.
      for (const after of [0, 1]) {
        const office = await startPostOffice();
        await office.subscribe();
        await office.publish();
        await office.upstash.fail(fault, after);
        await office.deliver();
        await office.forward(MINUTE);
        await office.deliver();
        await office.upstash.fail(null);
        await office.pass(HOUR);
        expect((await arrivals(office)).length).toBe(1);
        expect(await office.upstash.redis("ZCARD", "short-interest:webhooks:pending")).toBe(0);
      }
    },
    60_000,
  );
});
