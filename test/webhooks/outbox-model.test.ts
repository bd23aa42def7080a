import { array, assert, asyncProperty, constantFrom, integer, tuple } from "fast-check";
import { expect, it } from "vitest";
import { createUpstash } from "../../functions/upstash.ts";
import { createOutbox, type Delivery } from "../../functions/webhooks/outbox.ts";
import { createPollSchedule } from "../../functions/webhooks/poll-schedule.ts";
import { createSubscriptions } from "../../functions/webhooks/subscriptions.ts";
import { Clock } from "../support/data-center.ts";
import { control } from "../support/stand-ins.ts";

const MINUTE = 60_000;
const ID = "wh_1";
const OWNER = "me";
const URL = "https://example.com/";
const SYMBOL = "US.AAPL";
const ACTIONS = [
  ...["publish", "dispatch", "dispatch", "claim", "claim", "claim", "succeed", "succeed", "fail", "fail"],
  ...["die", "lose", "pause", "pause", "pause", "resume", "resume", "pass", "pass", "pass"],
] as const;
type Action = (typeof ACTIONS)[number];

/** One webhook, its messages, and the attempts that are under way. */
async function start() {
  const stored = await control.startUpstash();
  const clock = new Clock();
  const upstash = createUpstash(stored, 5_000);
  const outbox = createOutbox(upstash, clock.now);
  const subscriptions = createSubscriptions(upstash, clock.now);
  const watchlist = createPollSchedule(upstash, clock.now);
  await subscriptions.create(OWNER, {
    ...{ id: ID, url: URL, symbols: [SYMBOL], description: "", createdAt: 1, host: "x" },
    storedSecrets: ["whsec_"],
  });
  const queue: string[] = [];
  const underWay: { name: string; delivery: Delivery }[] = [];
  const published = new Set<string>();
  const delivered = new Set<string>();
  /** Messages that were claimed, or refused because of the pause: while it lasts they are parked. */
  const known = new Set<string>();
  let isActive = true;
  let row = 1n;

  async function publish(): Promise<void> {
    row += 1n;
    const message = { id: `msg_${row}`, body: "{}" };
    const sent = await watchlist.recordPoll({
      symbol: SYMBOL,
      newestTimestamp: row,
      nextPollAt: 0,
      error: "",
      message,
    });
    if (sent > 0) published.add(`${message.id} ${ID}`);
  }

  async function dispatch(): Promise<void> {
    const due = await outbox.claimDue(100);
    expect(due.filter((name) => delivered.has(name) || (!isActive && known.has(name)))).toEqual([]);
    queue.push(...due);
  }

  async function claim(at: number): Promise<void> {
    const [name] = queue.splice(at % Math.max(1, queue.length), 1);
    if (name === undefined) return;
    const delivery = await outbox.claim(name);
    if (typeof delivery === "object") {
      expect(delivered.has(name), `${name} is sent after it has arrived`).toBe(false);
      expect(isActive, `${name} is sent while the webhook is paused`).toBe(true);
      underWay.push({ name, delivery });
      known.add(name);
    } else if (!isActive) {
      known.add(name);
    }
  }

  async function end(at: number, outcome: "delivered" | "retry"): Promise<void> {
    const [attempt] = underWay.splice(at % Math.max(1, underWay.length), 1);
    if (!attempt) return;
    const retryAt = outcome === "retry" ? clock.now() + (at % 3) * 20 * MINUTE : null;
    await outbox.complete(
      attempt.name,
      attempt.delivery.claimToken,
      { outcome, retryAt, disableReason: null },
      URL,
      "{}",
    );
    if (outcome === "delivered") delivered.add(attempt.name);
  }

  async function setActive(active: boolean): Promise<void> {
    await subscriptions.update(OWNER, ID, { active });
    isActive = active;
  }

  await publish();
  return {
    published,
    delivered,
    dispatch,
    claim,
    end,
    setActive,
    clock,
    outbox,
    left: () => control.redis(stored.id, "EXISTS", `short-interest:webhooks:attempts:${ID}`),
    async act(action: Action, at: number): Promise<void> {
      switch (action) {
        case "publish":
          // The first look after a resumption sends nothing.
          await publish();
          return publish();
        case "dispatch":
          return dispatch();
        case "claim":
          return claim(at);
        case "succeed":
          return end(at, "delivered");
        case "fail":
          return end(at, "retry");
        case "die":
          underWay.splice(at % Math.max(1, underWay.length), 1);
          return;
        case "lose":
          queue.splice(at % Math.max(1, queue.length), 1);
          return;
        case "pause":
          return setActive(false);
        case "resume":
          return setActive(true);
        case "pass":
          clock.forward((at % 4) * 8 * MINUTE);
      }
    },
    attempts: () => underWay.length,
  };
}

it("each message of a webhook that is paused and resumed at any time arrives, and is not sent after that", async () => {
  const steps = array(tuple(constantFrom(...ACTIONS), integer({ min: 0, max: 1_000 })), {
    minLength: 80,
    maxLength: 160,
  });
  await assert(
    asyncProperty(steps, async (all) => {
      const model = await start();
      for (const [action, at] of all) await model.act(action, at);
      await model.setActive(true);
      for (let round = 0; round < 12; round += 1) {
        model.clock.forward(20 * MINUTE);
        await model.dispatch();
        for (let time = 0; time < 100; time += 1) {
          await model.claim(0);
          while (model.attempts() > 0) await model.end(0, "delivered");
        }
      }
      expect(model.delivered).toEqual(model.published);
      expect(await model.outbox.size()).toBe(0);
      expect(await model.left()).toBe(0);
    }),
    { numRuns: 60 },
  );
}, 120_000);
