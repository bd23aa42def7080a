import { expect, it, vi } from "vitest";
import { startService } from "../support/service.ts";

it("upstream limit of 30 calls holds in every window, however late calls arrive", async () => {
  const windowMs = 4_000;
  const service = await startService(
    { windowMs, delayMs: [0, 800] },
    { UPSTREAM_WINDOW_SECONDS: String(windowMs / 1_000), UPSTREAM_WAIT_MS: "1000", CLIENT_SHARE: "30" },
  );
  let symbols = 0;
  const readNewSymbol = async () => (await service.get(`/v1/short-interest/US.T${symbols++}`)).status;

  const burst = await Promise.all(Array.from({ length: 200 }, readNewSymbol));
  expect(burst.filter((status) => status === 200)).toHaveLength(30);
  expect(burst.filter((status) => status === 429)).toHaveLength(170);

  // The readers share the isolate with the Worker: more of them would slow the Worker down.
  const end = Date.now() + 3 * windowMs;
  const statuses = new Set<number>();
  const readUntilEnd = async () => {
    while (Date.now() < end) statuses.add(await readNewSymbol());
  };
  await Promise.all(Array.from({ length: 6 }, readUntilEnd));
  expect([...statuses].sort()).toEqual([200, 429]);

  const { refused, maxCallsInWindow, calls, maxConnections } = await service.opend.stats();
  expect(refused).toBe(0);
  expect(maxCallsInWindow).toBeLessThanOrEqual(30);
  expect(calls).toBeGreaterThanOrEqual(60);
  // Refused requests do not use up OpenD's connections.
  expect(maxConnections).toBeLessThan(64);
  await vi.waitFor(async () => expect((await service.opend.stats()).connections).toBe(0));
});
