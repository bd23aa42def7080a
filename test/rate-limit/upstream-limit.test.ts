import { expect, it, vi } from "vitest";
import { startGateway } from "../support/page-source.ts";

it("never lets OpenD see more than its limit, however late calls arrive", async () => {
  const windowMs = 4_000;
  const gateway = await startGateway(
    { windowMs, delayMs: [0, 800] },
    { UPSTREAM_WINDOW_SECONDS: String(windowMs / 1_000), UPSTREAM_WAIT_MS: "1000", CLIENT_SHARE: "30" },
  );
  let asked = 0;
  const askNew = async () => (await gateway.get(`/v1/short-interest/US.T${asked++}`)).status;

  const burst = await Promise.all(Array.from({ length: 200 }, askNew));
  expect(burst.filter((status) => status === 200)).toHaveLength(30);
  expect(burst.filter((status) => status === 429)).toHaveLength(170);

  // The askers share their isolate with the Worker: more of them would only keep it from its own work.
  const end = Date.now() + 2 * windowMs;
  const statuses = new Set<number>();
  const askOn = async () => {
    while (Date.now() < end) statuses.add(await askNew());
  };
  await Promise.all(Array.from({ length: 6 }, askOn));
  expect([...statuses].sort()).toEqual([200, 429]);

  const { refused, maxCallsInWindow, calls, maxConnections } = await gateway.opend.stats();
  expect(refused).toBe(0);
  expect(maxCallsInWindow).toBeLessThanOrEqual(30);
  expect(calls).toBeGreaterThanOrEqual(60);
  // A burst of refusals does not use up OpenD's connections.
  expect(maxConnections).toBeLessThan(64);
  await vi.waitFor(async () => expect((await gateway.opend.stats()).connections).toBe(0));
});
