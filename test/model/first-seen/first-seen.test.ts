import { describe, expect, it } from "vitest";
import { WRITE_SCRIPT } from "../../../functions/page-source/shared-cache-scripts.ts";
import { Random } from "../random.ts";
import { VirtualRedis } from "../redis/virtual-redis.ts";
import { type FetchedPage, FirstSeenWorld, MAX_LATENCY_MS, MAX_SKEW_MS } from "./world.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const HISTORIES = 1_500;
const TIMEOUT_MS = 2 * MINUTE;
const OPERATIONS = {
  fetch: 30,
  store: 30,
  read: 25,
  wait: 20,
  publish: 12,
  correct: 4,
  insert: 2,
  purge: 4,
  lose: 2,
} as const;

/** Runs a random history. */
async function run(random: Random, redis: VirtualRedis, name: string): Promise<void> {
  const world = new FirstSeenWorld(redis, random.integer(0, 6));
  const skews = [0, random.integer(-MAX_SKEW_MS, MAX_SKEW_MS), random.integer(-MAX_SKEW_MS, MAX_SKEW_MS)];
  /** Replies whose write has not run yet: data centers race. */
  const pending: FetchedPage[] = [];
  /** Pages that data centers have at the edge. */
  const copies: FetchedPage[] = [];
  for (let rest = random.integer(10, 60); rest > 0; rest -= 1) {
    const kind = random.weighted(OPERATIONS);
    if (kind === "fetch") {
      const fault = random.chance(0.1) ? random.pick(["empty", "older", "truncated"] as const) : undefined;
      const latencyMs = random.integer(0, MAX_LATENCY_MS);
      const fetched = world.fetch(random.chance(0.8), fault, random.pick(skews), latencyMs);
      pending.push(fetched);
      copies.push(fetched);
    } else if (kind === "store" && pending.length > 0) {
      const fetched = random.pick(random.chance(0.8) ? pending.slice(0, 1) : pending);
      pending.splice(pending.indexOf(fetched), 1);
      await world.store(fetched);
    } else if (kind === "read" && copies.length > 0) {
      const isolate = random.chance(0.5) ? `${name} ${random.integer(1, 2)}` : undefined;
      await world.read(random.pick(copies.slice(-6)), isolate);
    } else if (kind === "wait") {
      world.wait(random.pick([1, 300, 2_000, MINUTE + 1, DAY, 9 * DAY, 31 * DAY, 731 * DAY]));
    } else if (kind === "publish") world.security.publish();
    else if (kind === "correct") world.security.split();
    else if (kind === "insert") world.insert();
    else if (kind === "purge") world.purge();
    else if (kind === "lose") world.lose(random.chance(0.5));
  }
}

/** Returns the message of the first history that fails. */
async function check(rewrite?: (script: string) => string): Promise<string | undefined> {
  const redis = await VirtualRedis.create(rewrite);
  for (let history = 0; history < HISTORIES; history += 1) {
    const name = `first-seen/${history}/${rewrite}`;
    try {
      await run(new Random(`first-seen/${history}`), redis, name);
    } catch (thrown) {
      return `history ${history}: ${thrown}`;
    }
  }
  return undefined;
}

describe("first_seen_at", () => {
  it(`is null or within the true window in ${HISTORIES} random histories`, {
    timeout: TIMEOUT_MS,
  }, async () => {
    expect(await check()).toBeUndefined();
  });

  it.each([
    ["rows of the first look get a time", "local seen = oldest and string", "local seen = string"],
    ["the Worker's clock alone counts", "math.max(fetched, tonumber(", "math.min(fetched, tonumber("],
    ["rows that are older than the record count as new", " and (not oldest or tonumber(date) > oldest)", ""],
    ["new rows are never recorded", "'0'\n  for date", "'0'\n  if oldest then return end\n  for date"],
    ["a later page replaces a time", "if not isKnown[date] and (", "if tonumber(date) > (oldest or 0) and ("],
  ])("check detects the defect: %s", { timeout: TIMEOUT_MS }, async (_, original, replacement) => {
    const rewrite = (script: string) => script.replace(original, replacement);
    expect(WRITE_SCRIPT).toContain(original);
    expect(await check(rewrite)).toMatch(/^history \d+: Error: Row/);
  });
});
