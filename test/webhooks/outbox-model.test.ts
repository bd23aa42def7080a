import { array, assert, asyncProperty, constantFrom, integer, tuple } from "fast-check";
import { expect, it } from "vitest";
import { createUpstash } from "../../functions/upstash.ts";
import { createOutbox, type Delivery } from "../../functions/webhooks/outbox.ts";
import { createPollSchedule } from "../../functions/webhooks/poll-schedule.ts";
import { replayHeld } from "../../functions/webhooks/replay.ts";
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
  ...["crash", "lose", "pause", "pause", "pause", "resume", "resume", "resume", "pass", "pass", "pass"],
  ...["abandon", "gone", "replay", "replay"],
] as const;
type Action = (typeof ACTIONS)[number];

/** One webhook, its messages and the attempts in flight. */
async function start() {
  const stored = await control.startUpstash();
  const clock = new Clock();
  const upstash = createUpstash(stored, 5_000);
  const outbox = createOutbox(upstash, clock.now);
  const subscriptions = createSubscriptions(upstash, clock.now);
  const schedule = createPollSchedule(upstash, clock.now);
  await subscriptions.create(OWNER, {
    ...{ id: ID, url: URL, symbols: [SYMBOL], description: "", createdAt: 1, host: "x" },
    storedSecrets: ["whsec_"],
  });
  const queue: string[] = [];
  const inFlight: { name: string; delivery: Delivery }[] = [];
  const published = new Set<string>();
  const delivered = new Set<string>();
  const startedAt = clock.now();
  /** Messages that a claim parked or held, because the webhook was inactive. */
  const parked = new Set<string>();
  let isActive = true;
  let row = 1n;

  async function publish(): Promise<void> {
    row += 1n;
    const timestamp = new Date(clock.now()).toISOString();
    const message = { id: `msg_${row}`, body: JSON.stringify({ timestamp }) };
    const receivers = await schedule.recordPoll({
      symbol: SYMBOL,
      newestTimestamp: row,
      nextPollAt: 0,
      error: "",
      message,
    });
    // The first poll sets a baseline and sends nothing. An inactive webhook is a receiver, too.
    expect(receivers).toBe(row === 2n ? 0 : 1);
    if (receivers > 0) published.add(`${message.id} ${ID}`);
  }

  async function dispatch(): Promise<void> {
    const due = await outbox.claimDue(100);
    expect(due.filter((name) => delivered.has(name) || (!isActive && parked.has(name)))).toEqual([]);
    queue.push(...due);
  }

  async function claim(pick: number): Promise<void> {
    const [name] = queue.splice(pick % Math.max(1, queue.length), 1);
    if (name === undefined) return;
    const delivery = await outbox.claim(name);
    if (typeof delivery === "object") {
      expect(delivered.has(name), `${name} is sent after its delivery`).toBe(false);
      expect(isActive, `${name} is sent while the webhook is inactive`).toBe(true);
      inFlight.push({ name, delivery });
      // If its claim expires, it is due again, and the next claim parks it.
      parked.delete(name);
    } else if (!isActive) {
      parked.add(name);
    }
  }

  async function complete(
    pick: number,
    outcome: "delivered" | "retry" | "abandoned",
    disableReason: "gone" | null = null,
  ): Promise<void> {
    const [attempt] = inFlight.splice(pick % Math.max(1, inFlight.length), 1);
    if (!attempt) return;
    const retryAt = outcome === "retry" ? clock.now() + (pick % 3) * 20 * MINUTE : null;
    await outbox.complete(
      attempt.name,
      attempt.delivery.claimToken,
      { outcome, retryAt, disableReason },
      URL,
      "{}",
    );
    if (outcome === "delivered") delivered.add(attempt.name);
    if (disableReason === "gone") {
      const [webhook] = await subscriptions.find(OWNER, ID);
      // A result under an expired claim does not count.
      if (webhook?.reason === "gone") isActive = false;
    }
  }

  async function setActive(active: boolean): Promise<void> {
    await subscriptions.update(OWNER, ID, { active });
    isActive = active;
  }

  /** Two concurrent replays: no message is in both. */
  async function replay(): Promise<void> {
    const request = { owner: OWNER, id: ID, since: startedAt - 1 };
    const replays = await Promise.all([1, 2].map(() => replayHeld(upstash, request, clock.now())));
    const names = replays.flatMap((result) => (typeof result === "string" ? [] : result.deliveryIds));
    expect(replays.includes("inactive")).toBe(!isActive);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => delivered.has(name))).toEqual([]);
    queue.push(...names);
  }

  await publish();
  return {
    published,
    delivered,
    dispatch,
    claim,
    complete,
    setActive,
    replay,
    clock,
    outbox,
    attemptsKeyExists: () => control.redis(stored.id, "EXISTS", `short-interest:webhooks:attempts:${ID}`),
    async act(action: Action, pick: number): Promise<void> {
      switch (action) {
        case "publish":
          return publish();
        case "dispatch":
          return dispatch();
        case "claim":
          return claim(pick);
        case "succeed":
          return complete(pick, "delivered");
        case "fail":
          return complete(pick, "retry");
        case "abandon":
          return complete(pick, "abandoned");
        case "gone":
          return complete(pick, "abandoned", "gone");
        case "replay":
          return replay();
        case "crash":
          inFlight.splice(pick % Math.max(1, inFlight.length), 1);
          return;
        case "lose":
          queue.splice(pick % Math.max(1, queue.length), 1);
          return;
        case "pause":
          return setActive(false);
        case "resume":
          return setActive(true);
        case "pass":
          clock.forward((pick % 4) * 8 * MINUTE);
      }
    },
    attemptsInFlight: () => inFlight.length,
  };
}

it("random pauses, disablements, failures, crashes and replays deliver each message, and none after its delivery", async () => {
  const steps = array(tuple(constantFrom(...ACTIONS), integer({ min: 0, max: 1_000 })), {
    minLength: 80,
    maxLength: 160,
  });
  await assert(
    asyncProperty(steps, async (sequence) => {
      const model = await start();
      for (const [action, pick] of sequence) await model.act(action, pick);
      await model.setActive(true);
      await model.replay();
      for (let round = 0; round < 12; round += 1) {
        model.clock.forward(20 * MINUTE);
        await model.dispatch();
        for (let count = 0; count < 100; count += 1) {
          await model.claim(0);
          while (model.attemptsInFlight() > 0) await model.complete(0, "delivered");
        }
      }
      expect(model.delivered).toEqual(model.published);
      expect(await model.outbox.pendingCount()).toBe(0);
      expect(await model.attemptsKeyExists()).toBe(0);
    }),
    { numRuns: 60 },
  );
}, 120_000);
