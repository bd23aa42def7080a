import { describe, expect, it, vi } from "vitest";
import { arrivals, type PostOffice, startPostOffice, tries, webhook } from "../support/post-office.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const PENDING = "short-interest:webhooks:pending";
const triesKey = (id: string) => `short-interest:webhooks:tries:${id}`;

const symbols = Array.from({ length: 20 }, (_, at) => `US.T${at}`);

const pause = (office: PostOffice, id: string) => office.ask("PATCH", `/${id}`, { active: false });
const resume = async (office: PostOffice, id: string) => {
  const response = await office.ask("PATCH", `/${id}`, { active: true });
  expect(response.status).toBe(200);
};
const count = async (office: PostOffice) => (await arrivals(office)).length;

/** A webhook for 20 symbols, each of which has published a row since. */
async function startWithNews() {
  const office = await startPostOffice({ unpublished: 1 }, { SUBREQUEST_LIMIT: "10000" });
  const { id } = await office.subscribe("/", symbols);
  const wait = async () => {
    await office.opend.set({ limit: 1_000 });
    await office.forward(MINUTE);
  };
  await office.runWatch({ wait });
  await office.opend.set({ unpublished: 0 });
  await office.forward(25 * HOUR);
  await office.runWatch({ wait });
  expect(office.queue.messages.length).toBe(20);
  return { office, id };
}

describe("20 undelivered messages of a paused webhook", () => {
  it("cause no queue operation in a day, and arrive once each after the webhook is resumed", async () => {
    const { office, id } = await startWithNews();
    await office.answerAt("/", { status: 500 });
    await office.deliver();
    expect(await count(office)).toBe(20);
    await pause(office, id);
    await office.answerAt("/", {});
    // The queue still holds the retries that were written to it before the pause.
    await office.forward(MINUTE);
    await office.deliver();
    const before = { ...office.queue.operations };
    await office.pass(DAY);
    expect(office.queue.operations).toEqual(before);
    expect(await office.upstash.redis("ZCARD", PENDING)).toBe(0);

    await resume(office, id);
    await office.pass(HOUR);
    const second = (await arrivals(office)).slice(20);
    expect(second.length).toBe(20);
    expect(new Set(second.map(({ headers }) => headers["webhook-id"])).size).toBe(20);
    expect(await office.upstash.redis("EXISTS", triesKey(id), PENDING)).toBe(0);
  });

  it("pass through the queue once where no attempt was made before the pause", async () => {
    const { office, id } = await startWithNews();
    office.queue.messages = [];
    await pause(office, id);
    const { written } = office.queue.operations;
    await office.pass(2 * DAY);
    expect(office.queue.operations.written - written).toBe(20);
    expect(await count(office)).toBe(0);
    await resume(office, id);
    await office.pass(HOUR);
    expect(await count(office)).toBe(20);
  });

  it("expire 14 days after the pause", async () => {
    const { office, id } = await startWithNews();
    await office.answerAt("/", { status: 500 });
    await office.deliver();
    await pause(office, id);
    const life = Number(await office.upstash.redis("PTTL", triesKey(id)));
    expect(life).toBeGreaterThan(14 * DAY - MINUTE);
    expect(life).toBeLessThanOrEqual(14 * DAY);
    await office.answerAt("/", {});
    await resume(office, id);
    expect(await office.upstash.redis("PTTL", triesKey(id))).toBe(-1);
    await pause(office, id);
    const events = (await office.upstash.redis("KEYS", "short-interest:webhooks:event:*")) as string[];
    await office.upstash.redis("DEL", ...events);
    await resume(office, id);
    await office.pass(HOUR);
    expect(await count(office)).toBe(20);
    expect(await office.upstash.redis("EXISTS", triesKey(id), PENDING)).toBe(0);
  });
});

describe("a message of a paused webhook", () => {
  it("keeps the time of its next attempt when the webhook is paused and resumed seven times", async () => {
    const office = await startPostOffice();
    const { id } = await office.subscribe();
    await office.answerAt("/", { status: 503, headers: { "Retry-After": "7200" } });
    await office.publish();
    await office.deliver();
    await office.answerAt("/", {});
    for (let time = 0; time < 7; time += 1) {
      await pause(office, id);
      await resume(office, id);
      await office.pass(15 * MINUTE);
    }
    expect(await count(office)).toBe(1);
    await office.pass(45 * MINUTE);
    expect(await count(office)).toBe(2);
  });

  it.each([
    ["is not sent again if the attempt under way succeeds", 204, 1],
    ["is sent again if the attempt under way fails", 500, 2],
  ])("%s", async (_, status, expected) => {
    const office = await startPostOffice();
    const { id } = await office.subscribe();
    await office.answerAt("/", { status, afterMs: 300 });
    await office.publish();
    const delivering = office.deliver();
    await vi.waitFor(async () => expect(await count(office)).toBe(1));
    await pause(office, id);
    await delivering;
    expect(await tries(office, id)).toMatchObject([{ status }]);
    expect(await office.upstash.redis("ZCARD", PENDING)).toBe(0);
    await office.answerAt("/", {});
    const { written } = office.queue.operations;
    await office.pass(DAY);
    expect(office.queue.operations.written - written).toBe(0);
    await resume(office, id);
    await office.pass(HOUR);
    expect(await count(office)).toBe(expected);
  });

  it("is dropped when an answer to another message ends the webhook", async () => {
    const office = await startPostOffice();
    const { id } = await office.subscribe("/", ["US.AAPL", "US.TSLA"]);
    await office.answerAt("/", { status: 500 });
    await office.publish();
    const [first, second] = office.queue.messages;
    if (!first || !second) throw new Error("There are not two messages");
    office.queue.messages = [first];
    await office.deliver();
    office.queue.messages = [second];
    await office.answerAt("/", { status: 410, afterMs: 300 });
    const delivering = office.deliver();
    await vi.waitFor(async () => expect(await count(office)).toBe(2));
    await pause(office, id);
    await delivering;
    expect(await webhook(office, id)).toMatchObject({ active: false, reason: "gone" });
    expect(await office.upstash.redis("EXISTS", triesKey(id), PENDING)).toBe(0);
  });
});
