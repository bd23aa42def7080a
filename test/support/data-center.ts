import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { expect, vi } from "vitest";
import { parseEnv } from "../../functions/env.ts";
import { Failure } from "../../functions/errors.ts";
import { createPageSource } from "../../functions/page-source/create.ts";
import { FIRST } from "../../functions/short-interest/page.ts";
import { parseSymbol } from "../../functions/short-interest/symbol.ts";
import { DEADLINES, type Deadlines } from "../../functions/timeout.ts";
import { type Service, startService } from "./service.ts";

/** Short enough for tests of what hangs. */
export const SHORT_DEADLINES: Deadlines = {
  request: 3_000,
  connect: 300,
  login: 300,
  call: 300,
  upstash: 500,
  receiver: 300,
};

/** A clock that can be set forward. */
export class Clock {
  #ahead = 0;
  readonly now = () => Date.now() + this.#ahead;
  forward(ms: number): void {
    this.#ahead += ms;
  }
}

/** One of several data centers, with an edge cache of its own, on a service's OpenD and Upstash. */
export function createDataCenter(service: Service, clock = new Clock(), deadlines: Deadlines = DEADLINES) {
  const origin = `https://${crypto.randomUUID()}.test`;
  return {
    /** Asks the page source, and waits until nothing is left to do. Failures are results here. */
    async page(symbol: string, { cursor = FIRST, num = 10, client = "me" } = {}) {
      const context = createExecutionContext();
      const source = createPageSource(parseEnv(service.env), {
        origin,
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
      return result instanceof Failure ? { failure: result, ms } : { result, ms };
    },
  };
}

/** Several data centers on one clock, one OpenD and one Upstash. */
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

/** The key of the log of permits. */
export const PERMIT_LOG = "short-interest:opend";

/** Fails where a permit in the log is not a call that OpenD has seen, or a connection is left open. */
export async function expectOnePermitPerCall(service: Service): Promise<void> {
  // The last connection may still be closing.
  await vi.waitFor(async () => {
    const { calls, connections } = await service.opend.stats();
    expect(connections).toBe(0);
    expect(await service.upstash.redis("ZCARD", PERMIT_LOG)).toBe(calls);
  });
}
