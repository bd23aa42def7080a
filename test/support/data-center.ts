import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { expect, vi } from "vitest";
import { parseEnv } from "../../functions/env.ts";
import { Failure } from "../../functions/errors.ts";
import { createPageSource } from "../../functions/page-source/create-page-source.ts";
import { FIRST_CURSOR } from "../../functions/short-interest/page.ts";
import { parseSymbol } from "../../functions/short-interest/symbol.ts";
import { createRequestStats } from "../../functions/telemetry/request-stats.ts";
import { DEADLINES, type Deadlines } from "../../functions/timeout.ts";
import { readPermits } from "./permit-log.ts";
import { type Service, startService } from "./service.ts";

/** For tests of servers that hang, in milliseconds. */
export const SHORT_DEADLINES: Deadlines = {
  request: 3_000,
  connect: 300,
  login: 300,
  call: 300,
  upstash: 500,
  receiver: 300,
};

/**
 * Passes the freshness of a first page by an hour. The next sample rows are long overdue, so a first page is fresh for
 * `MAX_UNCONFIRMED_MS`, or less.
 */
export const STALE_AFTER_MS = 7 * 3_600_000;
/** Longer than a copy that is stale for an hour is served before it is revalidated. */
export const REVALIDATED_AFTER_MS = 8 * 60_000;

/** The real time plus the time that a test has passed. */
export class Clock {
  #offsetMs = 0;
  readonly now = () => Date.now() + this.#offsetMs;
  forward(ms: number): void {
    this.#offsetMs += ms;
  }
}

/** A data center: an edge cache, on the OpenD and Upstash of a service. */
export function createDataCenter(service: Service, clock = new Clock(), deadlines: Deadlines = DEADLINES) {
  const origin = `https://${crypto.randomUUID()}.test`;
  return {
    /** Reads a page from the page source, and waits for background work. `ms` is the time without that work. */
    async page(symbol: string, { cursor = FIRST_CURSOR, num = 10, client = "me" } = {}) {
      const context = createExecutionContext();
      const stats = createRequestStats(clock.now);
      const { phases } = stats;
      const source = createPageSource(parseEnv(service.env), {
        origin,
        stats,
        client,
        deadlines,
        now: clock.now,
        waitUntil: (work) => context.waitUntil(work),
      });
      const began = Date.now();
      const result = await source
        .page(parseSymbol(symbol), cursor, num)
        .catch((thrown) => Failure.from(thrown));
      const ms = Date.now() - began;
      await waitOnExecutionContext(context);
      return result instanceof Failure ? { failure: result, ms, phases } : { result, ms, phases };
    },
  };
}

/** Starts several data centers on one clock, one OpenD and one Upstash. */
export async function startDataCenters(
  count: number,
  vars: Record<string, string> = { CLIENT_SHARE: "30" },
  deadlines: Deadlines = DEADLINES,
) {
  const service = await startService({}, vars);
  const clock = new Clock();
  return {
    service,
    clock,
    dataCenters: Array.from({ length: count }, () => createDataCenter(service, clock, deadlines)),
  };
}

/** Expects one permit in the log for each call to OpenD, and no open connection. */
export async function expectOnePermitPerCall(service: Service): Promise<void> {
  // The last connection may still be closing.
  await vi.waitFor(async () => {
    const { calls, connections } = await service.opend.stats();
    expect(connections).toBe(0);
    expect(await readPermits(service.upstash.redis)).toHaveLength(calls);
  });
}
