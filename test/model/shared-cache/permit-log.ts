import { isDeepStrictEqual } from "node:util";
import { number, parse, tuple, unknown } from "valibot";
import { acquireScript, logTtlMs, settleArgs } from "../../../functions/rate-limit/sliding-window-log.ts";
import type { ScriptCall } from "../../../functions/upstash.ts";
import { PERMIT_LOG, type PermitEntry, permitsOf } from "../../support/permit-log.ts";
import type { VirtualRedis } from "../redis/virtual-redis.ts";

/** A limit that no history reaches. */
const RULE = { limit: 1_000, windowMs: 30_000, maxInFlightMs: 20_000, maxWaitMs: 0, clientShare: 1_000 };
const AcquireReply = tuple([number(), unknown(), unknown(), unknown(), unknown(), unknown()]);

/** How a call ended: the time of its reply (Unix time, milliseconds), and whether it was wasted. */
export interface CallEnd {
  readonly permit: string;
  readonly repliedAt: number;
  readonly wasted: boolean;
}

/** The script that acquires a permit for the holder of a lease. */
export function permitScript(
  permit: string,
  lease: { readonly key: string; readonly id: string },
): ScriptCall {
  return acquireScript(PERMIT_LOG, RULE, { id: permit, client: "client", reserve: 0, lease });
}

export function isGranted(reply: unknown): boolean {
  return parse(AcquireReply, reply)[0] === 1;
}

/** The settlement of a call's permit. */
export function settlementOf({ permit, repliedAt, wasted }: CallEnd) {
  return { key: PERMIT_LOG, args: settleArgs(RULE, permit, repliedAt, wasted) };
}

/**
 * Runs the script that settles a permit.
 * @throws Error if it does not settle the permit, or changes others
 */
export async function checkSettlement<T>(
  redis: VirtualRedis,
  { permit, repliedAt, wasted }: CallEnd,
  run: () => Promise<T>,
): Promise<T> {
  const read = () => permitsOf(redis.command("GET", PERMIT_LOG));
  const settled = (entry: PermitEntry): PermitEntry =>
    entry.id === permit
      ? {
          ...entry,
          score: Math.min(entry.score, repliedAt),
          weight: wasted ? 2 : entry.weight,
        }
      : entry;
  const expected = read().map(settled);
  const result = await run();
  const entries = read();
  if (!isDeepStrictEqual(entries, expected)) {
    throw new Error(`The permit log is ${JSON.stringify(entries)}, not ${JSON.stringify(expected)}`);
  }
  const ttlMs = redis.command("PTTL", PERMIT_LOG);
  if (expected.length > 0 && ttlMs !== logTtlMs(RULE))
    throw new Error(`The TTL of the permit log is ${ttlMs} ms`);
  return result;
}
