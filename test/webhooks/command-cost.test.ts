import { describe, expect, it } from "vitest";
import { createUpstash } from "../../functions/upstash.ts";
import { createPollSchedule } from "../../functions/webhooks/poll-schedule.ts";
import { countsCommands, startCountedUpstash } from "../support/counted-upstash.ts";
import { Clock } from "../support/data-center.ts";
import { startWebhookService } from "../support/webhook-service.ts";

const POLL_SCHEDULE = "short-interest:webhooks:poll-schedule";
const SYMBOL_STATUS = "short-interest:webhooks:symbol-status";
const SUBSCRIBERS = "short-interest:webhooks:subscribers:US.T1";

/** A schedule with the symbols US.T1, US.T2 and US.T3, which are due. Redis knows the scripts. */
async function startSchedule() {
  const upstash = await startCountedUpstash();
  const clock = new Clock();
  const schedule = createPollSchedule(createUpstash(upstash, 1_000), clock.now);
  const setUp = async () => {
    for (const index of [1, 2, 3]) {
      await upstash.redis("ZADD", POLL_SCHEDULE, "1", `US.T${index}`);
      await upstash.redis("HSET", SYMBOL_STATUS, `US.T${index}`, "100 1 ");
    }
    await upstash.redis("SADD", SUBSCRIBERS, "wh_1", "wh_2");
  };
  const recordPoll = (newestTimestamp: bigint) =>
    schedule.recordPoll({
      symbol: "US.T1",
      newestTimestamp,
      nextPollAt: clock.now() + 60_000,
      error: "",
      message: { id: `msg_${newestTimestamp}`, body: "{}" },
    });
  await setUp();
  await schedule.claimDue(10);
  await recordPoll(100n);
  await setUp();
  return { upstash, schedule, recordPoll };
}

describe.runIf(countsCommands)("Redis commands of the poll schedule", () => {
  it("are 4 for a claim of three symbols", async () => {
    const { upstash, schedule } = await startSchedule();
    const commands = await upstash.commandsOf(async () => {
      expect((await schedule.claimDue(10)).map(({ symbol }) => symbol)).toEqual(["US.T1", "US.T2", "US.T3"]);
    });
    expect(commands).toEqual({ evalsha: 1, zrangebyscore: 1, zadd: 1, hmget: 1 });
  });

  it("are 5 for a recorded poll without a new row", async () => {
    const { upstash, recordPoll } = await startSchedule();
    const commands = await upstash.commandsOf(async () => expect(await recordPoll(100n)).toBe(0));
    expect(commands).toEqual({ evalsha: 1, hget: 1, zadd: 1, smembers: 1, hset: 1 });
  });

  it("are 7 for a recorded poll with a new row, for two subscribers", async () => {
    const { upstash, recordPoll } = await startSchedule();
    const commands = await upstash.commandsOf(async () => expect(await recordPoll(200n)).toBe(2));
    expect(commands).toEqual({ evalsha: 1, hget: 1, zadd: 2, set: 1, smembers: 1, hset: 1 });
  });

  it("are 1 for the status of three symbols", async () => {
    const { upstash, schedule } = await startSchedule();
    const commands = await upstash.commandsOf(async () => {
      expect(
        (await schedule.statusOf(["US.T1", "US.T2", "US.T9"])).map(({ checkedAt }) => checkedAt),
      ).toEqual([expect.any(Number), 1, null]);
    });
    expect(commands).toEqual({ hmget: 1 });
  });
});

describe.runIf(countsCommands)("Redis commands of a run of the poller", () => {
  it("are 2 if nothing is due", async () => {
    const upstash = await startCountedUpstash();
    const service = await startWebhookService({}, upstash.vars);
    expect(await upstash.commandsOf(() => service.runPoller())).toEqual({ zcount: 2 });
    await service.subscribe();
    await service.runPoller();
    expect(await upstash.commandsOf(() => service.runPoller())).toEqual({ zcount: 2 });
  });

  it("are 12 if a symbol with a fresh page is due", async () => {
    const upstash = await startCountedUpstash();
    const service = await startWebhookService({}, upstash.vars);
    await service.subscribe();
    await service.runPoller();
    await upstash.redis("ZADD", POLL_SCHEDULE, "1", "US.AAPL");
    const commands = await upstash.commandsOf(() => service.runPoller());
    const looks = { zcount: 2 };
    const claim = { evalsha: 1, zrangebyscore: 1, zadd: 1, hmget: 1 };
    const page = { mget: 1 };
    const record = { evalsha: 1, hget: 1, zadd: 1, smembers: 1, hset: 1 };
    expect(commands).toEqual(sumOf(looks, claim, page, record));
  });

  it("are 5 if a delivery is due", async () => {
    const upstash = await startCountedUpstash();
    const service = await startWebhookService({}, upstash.vars);
    await service.subscribe();
    await service.publish();
    // The claim of the dispatch has expired.
    await service.forward(16 * 60_000);
    const commands = await upstash.commandsOf(() => service.runPoller());
    expect(commands).toEqual({ zcount: 2, evalsha: 1, zrangebyscore: 1, zadd: 1 });
  });
});

/** The commands of several steps together. */
function sumOf(...steps: Readonly<Record<string, number>>[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const step of steps) {
    for (const [name, count] of Object.entries(step)) total[name] = (total[name] ?? 0) + count;
  }
  return total;
}
