import { describe, expect, it, vi } from "vitest";
import { arrivals, startPostOffice, tries, webhook } from "../support/post-office.ts";
import { control } from "../support/stand-ins.ts";
import { verify } from "../support/verify.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

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
    // Nobody goes on reading it.
    await vi.waitFor(async () => expect(await control.endlessAnswers(office.receiver.id)).toBe(0));
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
    // A queue that forgets after a day must not have it for as long.
    expect(office.queue.longestDelay).toBe(12 * 3_600);
    expect(await office.upstash.redis("ZCARD", "short-interest:webhooks:pending")).toBe(0);
    expect(await office.upstash.redis("KEYS", "short-interest:webhooks:tries:*")).toEqual([]);
    expect(await webhook(office, id)).toMatchObject({ active: true, reason: null });
    // Another row, which is tried until five days after the first failure.
    await office.upstash.redis("HSET", "short-interest:webhooks:newest", "HK.00700", "1776960000 0 ");
    await office.pass(5 * DAY);
    expect((await arrivals(office)).length).toBe(18);
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
