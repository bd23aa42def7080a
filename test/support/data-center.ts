import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { expect, vi } from "vitest";
import { parseEnv } from "../../functions/env.ts";
import { Failure } from "../../functions/errors.ts";
import { createPageSource } from "../../functions/page-source/create.ts";
import { FIRST } from "../../functions/short-interest/page.ts";
import { parseSymbol } from "../../functions/short-interest/symbol.ts";
import { DEADLINES, type Deadlines } from "../../functions/timeout.ts";
import { type Gateway, startGateway } from "./page-source.ts";

/** Short enough for tests of what hangs. */
export const SHORT: Deadlines = {
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

/** One of several data centres, with an edge cache of its own, on a gateway's OpenD and Upstash. */
export function dataCentre(gateway: Gateway, clock = new Clock(), deadlines: Deadlines = DEADLINES) {
  const origin = `https://${crypto.randomUUID()}.test`;
  return {
    /** Asks the page source, and waits until nothing is left to do. Failures are answers here. */
    async page(symbol: string, { cursor = FIRST, num = 10, client = "me" } = {}) {
      const context = createExecutionContext();
      const source = createPageSource(parseEnv(gateway.env), {
        origin,
        client,
        deadlines,
        now: clock.now,
        waitUntil: (work) => context.waitUntil(work),
      });
      const began = Date.now();
      const answer = await source
        .page(parseSymbol(symbol), cursor, num)
        .catch((thrown) => Failure.from(thrown));
      const ms = Date.now() - began;
      await waitOnExecutionContext(context);
      return answer instanceof Failure ? { failure: answer, ms } : { answer, ms };
    },
  };
}

/** Several data centres on one clock, one OpenD and one Upstash. */
export async function startDataCentres(
  count: number,
  vars: Record<string, string> = { CLIENT_SHARE: "30" },
  deadlines: Deadlines = DEADLINES,
) {
  const gateway = await startGateway({}, vars);
  const clock = new Clock();
  return {
    gateway,
    clock,
    centres: Array.from({ length: count }, () => dataCentre(gateway, clock, deadlines)),
  };
}

/** The key of the log of permits. */
export const LOG = "short-interest:opend";

/** Fails where a permit in the log is not a call that OpenD has seen, or a connection is left open. */
export async function logAndCallsAgree(gateway: Gateway): Promise<void> {
  // The last connection may still be closing.
  await vi.waitFor(async () => {
    const { calls, connections } = await gateway.opend.stats();
    expect(connections).toBe(0);
    expect(await gateway.upstash.redis("ZCARD", LOG)).toBe(calls);
  });
}
