import { describe, expect, it, vi } from "vitest";
import { arrivals, startPostOffice, tries, webhook } from "../support/post-office.ts";
import { verify } from "../support/verify.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

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

describe("a webhook", () => {
  it("is sent nothing after its address has become one that nothing is sent to", async () => {
    const office = await startPostOffice();
    const { id } = await office.subscribe();
    await office.upstash.redis("HSET", `short-interest:webhooks:webhook:${id}`, "url", "https://127.0.0.1/x");
    await office.publish();
    await office.deliver();
    expect(await tries(office, id)).toMatchObject([{ status: null, error: "refused_address" }]);
  });

  it.each([
    ["OpenD", "https://opend.example/", { OPEND_URL: "wss://opend.example" }],
    ["this service", "https://gateway.example/", {}],
    ["this service with a dot", "https://gateway.example../", {}],
    ["this service by another name", "https://other.example/", { OWN_HOSTS: "other.example" }],
  ])("is sent nothing after its address has become that of %s", async (_, url, vars) => {
    const office = await startPostOffice();
    const { id } = await office.subscribe();
    const key = `short-interest:webhooks:webhook:${id}`;
    await office.upstash.redis("HSET", key, "url", url, "host", "gateway.example");
    await office.publish();
    await office.deliver(vars);
    expect(await tries(office, id)).toMatchObject([{ status: null, error: "refused_address" }]);
  });

  it("waits while its owner has no key, and ends when that lasts", async () => {
    const office = await startPostOffice();
    const { id } = await office.subscribe();
    await office.publish();
    const yoursAlone = { API_KEYS: office.keys.split(",")[1] };
    await office.deliver(yoursAlone);
    expect(await tries(office, id)).toMatchObject([
      { status: null, error: "revoked", next_try_at: expect.any(Number) },
    ]);
    await office.forward(6_000);
    await office.deliver();
    expect((await arrivals(office)).length).toBe(1);

    const other = await office.subscribe("/other", ["US.TSLA"]);
    await office.publish();
    await office.pass(4 * DAY, yoursAlone);
    expect((await arrivals(office, "/other")).length).toBe(0);
    expect(await webhook(office, other.id)).toMatchObject({ active: false, reason: "revoked" });
  });

  it("waits while nobody has a key", async () => {
    const office = await startPostOffice();
    const { id } = await office.subscribe();
    await office.publish();
    await expect(office.deliver({ API_KEYS: undefined })).resolves.toBe(1);
    expect(await tries(office, id)).toEqual([]);
    await office.deliver();
    expect((await arrivals(office)).length).toBe(1);
  });

  it("that has moved is sent what its old receiver refuses, and does not end with that one", async () => {
    const office = await startPostOffice();
    const { id } = await office.subscribe("/old");
    await office.answerAt("/old", { status: 410, afterMs: 300 });
    await office.publish();
    const delivering = office.deliver();
    await vi.waitFor(async () => expect((await arrivals(office, "/old")).length).toBe(1));
    const url = `${office.receiver.origin}/new`;
    expect((await office.ask("PATCH", `/${id}`, { url })).status).toBe(200);
    await delivering;
    await office.pass(HOUR);
    expect((await arrivals(office, "/new")).length).toBe(1);
    expect(await webhook(office, id)).toMatchObject({ url, active: true, failing_since: null });
  });

  it("that is paused has what was under way after that", async () => {
    const office = await startPostOffice();
    const { id } = await office.subscribe();
    await office.answerAt("/", { status: 500 });
    await office.publish();
    await office.deliver();
    await office.ask("PATCH", `/${id}`, { active: false });
    await office.answerAt("/", {});
    await office.pass(5 * HOUR);
    expect((await arrivals(office)).length).toBe(1);
    await office.ask("PATCH", `/${id}`, { active: true });
    await office.pass(HOUR);
    expect((await arrivals(office)).length).toBe(2);
  });

  it("that is slow is not sent a second message by a watch that comes in between", async () => {
    const office = await startPostOffice();
    await office.subscribe();
    await office.answerAt("/", { afterMs: 300 });
    await office.publish();
    const delivering = office.deliver();
    await vi.waitFor(async () => expect((await arrivals(office)).length).toBe(1));
    office.clock.forward(9 * MINUTE);
    await office.runWatch();
    await office.deliver();
    await delivering;
    await office.pass(HOUR);
    expect((await arrivals(office)).length).toBe(1);
  });

  it("that answers a test well does not fail any more", async () => {
    const office = await startPostOffice();
    const { id } = await office.subscribe();
    await office.answerAt("/", { status: 500 });
    await office.publish();
    await office.deliver();
    await office.ask("POST", `/${id}/test`);
    expect((await webhook(office, id)).failing_since).toEqual(expect.any(Number));
    await office.answerAt("/", {});
    await office.ask("POST", `/${id}/test`);
    expect((await webhook(office, id)).failing_since).toBeNull();
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
