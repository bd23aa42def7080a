import { describe, expect, it } from "vitest";
import { Failure } from "../../functions/errors.ts";
import { createUpstash, type ScriptCall, type Upstash } from "../../functions/upstash.ts";
import { createOutbox } from "../../functions/webhooks/outbox.ts";
import { createPollSchedule } from "../../functions/webhooks/poll-schedule.ts";
import { createSubscriptions } from "../../functions/webhooks/subscriptions.ts";
import { control } from "../support/stand-ins.ts";

const ID = "wh_1";
const OWNER = "me";
const URL = "https://example.com/";
const PREFIX = "short-interest:webhooks:";

/** A webhook for US.AAPL, and a Redis client that runs a conflicting request before scripts of one kind. */
async function start() {
  const stored = await control.startUpstash();
  const redis = (name: string, ...args: string[]) => control.redis(stored.id, name, ...args);
  const upstash = createUpstash(stored, 5_000);
  const others = createSubscriptions(upstash, Date.now);
  await others.create(OWNER, {
    ...{ id: ID, url: URL, symbols: ["US.AAPL"], description: "", createdAt: 1, host: "x" },
    storedSecrets: ["whsec_"],
  });
  let conflicts = 0;
  /** @param isWrite selects the scripts that `act` precedes */
  function disturbed(isWrite: (call: ScriptCall) => boolean, act: (conflict: number) => Promise<unknown>) {
    const connection: Upstash = {
      ...upstash,
      async eval(call, reply) {
        if (isWrite(call)) {
          conflicts += 1;
          await act(conflicts);
        }
        return upstash.eval(call, reply);
      },
    };
    return connection;
  }
  return {
    redis,
    upstash,
    others,
    disturbed,
    conflicts: () => conflicts,
    /** The symbols with subscribers, and those in the poll schedule. */
    async subscribed() {
      const keys = (await redis("KEYS", `${PREFIX}subscribers:*`)) as string[];
      const polled = (await redis("ZRANGE", `${PREFIX}poll-schedule`, "0", "-1")) as string[];
      return [keys.map((key) => key.slice(`${PREFIX}subscribers:`.length)).toSorted(), polled.toSorted()];
    },
  };
}

const isWrite = ({ script }: ScriptCall) => script.includes("'SADD'");
const symbolsAt = (conflict: number) => [`US.T${conflict}`];

describe("a concurrent change of symbols", () => {
  it("is kept together with a change of the description", async () => {
    const { others, disturbed, subscribed } = await start();
    const act = async (conflict: number) => {
      if (conflict === 1) await others.update(OWNER, ID, { symbols: ["US.TSLA", "US.SPY"] });
    };
    const subscriptions = createSubscriptions(disturbed(isWrite, act), Date.now);
    expect(await subscriptions.update(OWNER, ID, { description: "x" })).toBe("done");
    expect(await others.find(OWNER, ID)).toMatchObject([
      { description: "x", symbols: ["US.TSLA", "US.SPY"] },
    ]);
    expect(await subscribed()).toEqual([
      ["US.SPY", "US.TSLA"],
      ["US.SPY", "US.TSLA"],
    ]);
  });

  it("leaves only the new symbol subscribed when the webhook is paused, and none when it is removed", async () => {
    for (const work of ["pause", "remove"] as const) {
      const { others, disturbed, subscribed } = await start();
      const act = async (conflict: number) => {
        if (conflict === 1) await others.update(OWNER, ID, { symbols: ["US.TSLA"] });
      };
      const subscriptions = createSubscriptions(disturbed(isWrite, act), Date.now);
      const isDone =
        work === "pause"
          ? (await subscriptions.update(OWNER, ID, { active: false })) === "done"
          : await subscriptions.remove(OWNER, ID);
      expect(isDone).toBe(true);
      const left = work === "pause" ? ["US.TSLA"] : [];
      expect(await subscribed(), work).toEqual([left, left]);
    }
  });

  it("leaves only the new symbol subscribed when a 410 disables the webhook", async () => {
    const { upstash, others, disturbed, subscribed } = await start();
    const schedule = createPollSchedule(upstash, Date.now);
    const result = { symbol: "US.AAPL", nextPollAt: 0, error: "" };
    await schedule.recordPoll({ ...result, newestTimestamp: 1n });
    await schedule.recordPoll({ ...result, newestTimestamp: 2n, message: { id: "msg_1", body: "{}" } });
    const act = async (conflict: number) => {
      if (conflict === 1) await others.update(OWNER, ID, { symbols: ["US.TSLA"] });
    };
    const outbox = createOutbox(disturbed(isWrite, act), Date.now);
    const delivery = await outbox.claim(`msg_1 ${ID}`);
    if (typeof delivery !== "object") throw new Error("Nothing to deliver");
    const gone = { outcome: "abandoned", retryAt: null, disableReason: "gone" } as const;
    await outbox.complete(`msg_1 ${ID}`, delivery.claimToken, gone, URL, "{}");
    expect(await others.find(OWNER, ID)).toMatchObject([{ reason: "gone", symbols: ["US.TSLA"] }]);
    expect(await subscribed()).toEqual([["US.TSLA"], ["US.TSLA"]]);
    expect(await others.deliveryLog(ID)).toEqual(["{}"]);
  });

  it("returns not_found when another request removes the webhook", async () => {
    const { others, disturbed, redis } = await start();
    const subscriptions = createSubscriptions(
      disturbed(isWrite, () => others.remove(OWNER, ID)),
      Date.now,
    );
    expect(await subscriptions.update(OWNER, ID, { symbols: ["US.TSLA"] })).toBe("not_found");
    expect(await redis("KEYS", `${PREFIX}*`)).toEqual([]);
  });

  it("fails with store_unavailable after five conflicts, and changes nothing", async () => {
    const { others, disturbed, conflicts } = await start();
    const act = (conflict: number) => others.update(OWNER, ID, { symbols: symbolsAt(conflict) });
    const subscriptions = createSubscriptions(disturbed(isWrite, act), Date.now);
    const failure = await subscriptions.update(OWNER, ID, { description: "x" }).catch(Failure.from);
    expect(failure).toMatchObject({ code: "store_unavailable", retryAfterMs: 1_000 });
    expect(conflicts()).toBe(5);
    expect(await others.find(OWNER, ID)).toMatchObject([{ description: "", symbols: ["US.T5"] }]);
  });
});

it("subscribers and poll schedule match the webhook after four concurrent changes", async () => {
  const { others, subscribed } = await start();
  for (let round = 0; round < 20; round += 1) {
    await Promise.all(
      [1, 2, 3, 4].map((request) =>
        others.update(OWNER, ID, {
          symbols: [`US.A${request}`, `US.B${round % request}`],
          active: request % 2 === 0,
        }),
      ),
    );
    const [webhook] = await others.find(OWNER, ID);
    // The symbols of an inactive webhook are polled for 14 more days.
    const symbols = webhook?.symbols.toSorted() ?? [];
    expect(await subscribed()).toEqual([symbols, symbols]);
  }
});
