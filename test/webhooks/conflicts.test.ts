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

/** A webhook for US.AAPL, and a connection that lets another request act just before scripts of one kind. */
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
  /** @param writes tells a script that writes from one that reads */
  function disturbed(writes: (call: ScriptCall) => boolean, act: (conflict: number) => Promise<unknown>) {
    const connection: Upstash = {
      ...upstash,
      async eval(call, reply) {
        if (writes(call)) {
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
    /** The symbols that the webhook is a subscriber of, and those that the watch looks at. */
    async subscribed() {
      const keys = (await redis("KEYS", `${PREFIX}subscribers:*`)) as string[];
      const polled = (await redis("ZRANGE", `${PREFIX}poll-schedule`, "0", "-1")) as string[];
      return [keys.map((key) => key.slice(`${PREFIX}subscribers:`.length)).toSorted(), polled.toSorted()];
    },
  };
}

const writes = ({ script }: ScriptCall) => script.includes("'SADD'");
const symbolsAt = (conflict: number) => [`US.T${conflict}`];

describe("a webhook whose symbols another request changes at the same time", () => {
  it("gets both changes", async () => {
    const { others, disturbed, subscribed } = await start();
    const act = async (conflict: number) => {
      if (conflict === 1) await others.update(OWNER, ID, { symbols: ["US.TSLA", "US.SPY"] });
    };
    const subscriptions = createSubscriptions(disturbed(writes, act), Date.now);
    expect(await subscriptions.update(OWNER, ID, { description: "x" })).toBe("done");
    expect(await others.find(OWNER, ID)).toMatchObject([
      { description: "x", symbols: ["US.TSLA", "US.SPY"] },
    ]);
    expect(await subscribed()).toEqual([
      ["US.SPY", "US.TSLA"],
      ["US.SPY", "US.TSLA"],
    ]);
  });

  it("keeps no subscription of either request when it is paused or removed", async () => {
    for (const work of ["pause", "remove"] as const) {
      const { others, disturbed, subscribed } = await start();
      const act = async (conflict: number) => {
        if (conflict === 1) await others.update(OWNER, ID, { symbols: ["US.TSLA"] });
      };
      const subscriptions = createSubscriptions(disturbed(writes, act), Date.now);
      const ended =
        work === "pause"
          ? (await subscriptions.update(OWNER, ID, { active: false })) === "done"
          : await subscriptions.remove(OWNER, ID);
      expect(ended).toBe(true);
      expect(await subscribed(), work).toEqual([[], []]);
    }
  });

  it("keeps no subscription when its receiver ends it", async () => {
    const { upstash, others, disturbed, subscribed } = await start();
    const watchlist = createPollSchedule(upstash, Date.now);
    const result = { symbol: "US.AAPL", nextPollAt: 0, error: "" };
    await watchlist.recordPoll({ ...result, newestTimestamp: 1n });
    await watchlist.recordPoll({ ...result, newestTimestamp: 2n, message: { id: "msg_1", body: "{}" } });
    const act = async (conflict: number) => {
      if (conflict === 1) await others.update(OWNER, ID, { symbols: ["US.TSLA"] });
    };
    const outbox = createOutbox(disturbed(writes, act), Date.now);
    const delivery = await outbox.claim(`msg_1 ${ID}`);
    if (typeof delivery !== "object") throw new Error("There is nothing to deliver");
    const gone = { outcome: "abandoned", retryAt: null, disableReason: "gone" } as const;
    await outbox.complete(`msg_1 ${ID}`, delivery.claimToken, gone, URL, "{}");
    expect(await others.find(OWNER, ID)).toMatchObject([{ reason: "gone", symbols: ["US.TSLA"] }]);
    expect(await subscribed()).toEqual([[], []]);
    expect(await others.deliveryLog(ID)).toEqual(["{}"]);
  });

  it("is not found when the other request removes it", async () => {
    const { others, disturbed, redis } = await start();
    const subscriptions = createSubscriptions(
      disturbed(writes, () => others.remove(OWNER, ID)),
      Date.now,
    );
    expect(await subscriptions.update(OWNER, ID, { symbols: ["US.TSLA"] })).toBe("not_found");
    expect(await redis("KEYS", `${PREFIX}*`)).toEqual([]);
  });

  it("is refused with store_unavailable after five conflicts, and not changed", async () => {
    const { others, disturbed, conflicts } = await start();
    const act = (conflict: number) => others.update(OWNER, ID, { symbols: symbolsAt(conflict) });
    const subscriptions = createSubscriptions(disturbed(writes, act), Date.now);
    const failure = await subscriptions.update(OWNER, ID, { description: "x" }).catch(Failure.from);
    expect(failure).toMatchObject({ code: "store_unavailable", retryAfterMs: 1_000 });
    expect(conflicts()).toBe(5);
    expect(await others.find(OWNER, ID)).toMatchObject([{ description: "", symbols: ["US.T5"] }]);
  });
});

it("webhooks changed by four requests at once are subscribers of the symbols that they have", async () => {
  const { others, subscribed } = await start();
  for (let round = 0; round < 20; round += 1) {
    await Promise.all(
      [1, 2, 3, 4].map((each) =>
        others.update(OWNER, ID, { symbols: [`US.A${each}`, `US.B${round % each}`], active: each % 2 === 0 }),
      ),
    );
    const [webhook] = await others.find(OWNER, ID);
    const symbols = webhook?.reason === null ? webhook.symbols.toSorted() : [];
    expect(await subscribed()).toEqual([symbols, symbols]);
  }
});
