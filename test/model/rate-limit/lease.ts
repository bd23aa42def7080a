import { number, parse, tuple } from "valibot";
import type { ScriptCall } from "../../../functions/upstash.ts";
import { PERMIT_LOG } from "../../support/permit-log.ts";
import type { VirtualRedis } from "../redis/virtual-redis.ts";
import type { AcquireOperation } from "./history.ts";

export const LEASE = "short-interest:lease:page";
/** The code of a refusal because the lease is not held. */
const BY_LEASE = 3;

/** The reply of the acquire script. */
export const Reply = tuple([number(), number(), number(), number(), number(), number()]);

/** Runs the acquire script with the lease in the state of the operation. The ID of the lease is that of the permit. */
export function runWithLease(redis: VirtualRedis, { lease }: AcquireOperation, call: ScriptCall) {
  const [permit = ""] = call.args;
  if (lease === "held") redis.command("SET", LEASE, permit);
  if (lease === "other") redis.command("SET", LEASE, "other");
  const reply = parse(Reply, redis.run(call));
  redis.command("DEL", LEASE);
  return reply;
}

/**
 * Runs the acquire script without its lease.
 * @throws Error if a permit is granted, or if the log changes
 */
export function acquireWithoutLease(
  redis: VirtualRedis,
  operation: AcquireOperation,
  call: ScriptCall,
): string {
  const before = redis.command("GET", PERMIT_LOG);
  const [isGranted, , , , reason] = runWithLease(redis, operation, call);
  if (isGranted === 1 || reason !== BY_LEASE) throw new Error("The script ignores the lease");
  if (redis.command("GET", PERMIT_LOG) !== before)
    throw new Error("A refusal because of the lease changes the log");
  return "refused because of the lease";
}
