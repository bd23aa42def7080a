import { Redis } from "@upstash/redis/cloudflare";
import type { Failure } from "../../functions/errors.ts";
import { createPermits, type Permit } from "../../functions/rate-limit/permits.ts";
import { createUpstash } from "../../functions/upstash.ts";
import { readPermits } from "../support/permit-log.ts";
import { control } from "../support/stand-ins.ts";

export const HOUR = 3_600_000;
/** Starts permits with an Upstash of their own. */
export async function start({
  limit = 3,
  windowMs = HOUR,
  maxInFlightMs = 6_000,
  maxWaitMs = 0,
  clientShare = 30,
  ownServer = false,
} = {}) {
  const upstash = await control.startUpstash({ ownServer });
  const command = (name: string, ...args: string[]) => control.redis(upstash.id, name, ...args);
  const background: Promise<void>[] = [];
  const rule = { limit, windowMs, maxInFlightMs, maxWaitMs, clientShare };
  const connection = createUpstash(upstash, 1_000);
  const permits = createPermits({
    upstash: connection,
    database: upstash.url,
    rule,
    waitUntil: (work) => background.push(work),
    now: Date.now,
  });
  return {
    permits,
    acquire: (client = "me", replaces?: Permit) =>
      permits.acquire({ client, priority: "known-page" }, replaces),
    acquireForRefresh: () => permits.acquire({ client: "me", priority: "refresh" }),
    settle: (permit: Permit, wasted = false) => connection.evalAll([permits.settleScript(permit, wasted)]),
    rule,
    redis: new Redis({ ...upstash, enableTelemetry: false }),
    command,
    log: () => readPermits(command),
    fail: (fault: Parameters<typeof control.failUpstash>[1]) => control.failUpstash(upstash.id, fault),
    backgroundDone: () => Promise.all(background),
  };
}

export const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (failure: Failure) => failure,
  );
