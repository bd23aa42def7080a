import { describe, expect, it } from "vitest";
import { agePermits, type PermitEntry, readPermits } from "../support/permit-log.ts";
import { type Service, startService } from "../support/service.ts";

const calls = async (service: Service) => (await service.opend.stats()).calls;

describe("wasted calls", () => {
  const windowMs = 2_000;
  const vars = { UPSTREAM_WINDOW_SECONDS: String(windowMs / 1_000), UPSTREAM_WAIT_MS: "300" };
  const ADDRESSES = 6;
  const headers = (index: number) => ({
    headers: { "CF-Connecting-IP": `2001:db8:0:${index % ADDRESSES}::1` },
  });

  it("for 90 invented cursors from 6 addresses leave a permit for the next page of a known symbol in every window", async () => {
    const service = await startService({ windowMs }, vars);
    const known = ["US.T1", "US.T2", "US.T3", "US.T4", "US.T5"];
    const nextKeys = new Map<string, string>();
    for (const symbol of known) {
      const response = await service.get(`/v1/short-interest/${symbol}?num=50`);
      nextKeys.set(symbol, (await response.json<{ next_key: string }>()).next_key);
    }
    let sent = 0;
    let windowEnd = 0;
    for (const symbol of known) {
      await scheduler.wait(Math.max(0, windowEnd - Date.now()));
      windowEnd = Date.now() + windowMs;
      const attack = Array.from({ length: 90 }, (_, index) => {
        sent += 1;
        return service.get(`/v1/short-interest/US.T1?next_key=${1_900_000_000 + sent}`, headers(index));
      });
      const statuses = (await Promise.all(attack)).map(({ status }) => status);
      expect(statuses.filter((status) => status === 429).length).toBeGreaterThanOrEqual(75);
      const next = await service.get(`/v1/short-interest/${symbol}?num=50&next_key=${nextKeys.get(symbol)}`);
      expect(next.status).toBe(200);
    }
    expect((await service.opend.stats()).refused).toBe(0);
  });

  it("for invented symbols leave half of the next windows to known symbols", async () => {
    const service = await startService({ windowMs: 5_000 }, { ...vars, UPSTREAM_WINDOW_SECONDS: "5" });
    const first = await service.get("/v1/short-interest/US.T1?num=50");
    const { next_key } = await first.json<{ next_key: string }>();
    let sent = 0;
    const attack = async (count: number) => {
      const before = await calls(service);
      await Promise.all(
        Array.from({ length: count }, () => {
          sent += 1;
          return service.get(`/v1/short-interest/US.NOSUCH${sent}`, headers(sent));
        }),
      );
      return (await calls(service)) - before;
    };
    // Every address wastes one call at a time, until the limit of wasted calls is reached.
    const isWasted = ({ weight }: PermitEntry) => weight === 2;
    while ((await readPermits(service.upstash.redis)).filter(isWasted).length < 15) await attack(2);
    await agePermits(service.upstash.redis, 5_001);
    // The isolate remembers refusals, so it may use fewer permits than another one.
    expect(await attack(60)).toBeLessThanOrEqual(15);
    const next = await service.get(`/v1/short-interest/US.T1?num=50&next_key=${next_key}`);
    expect(next.status).toBe(200);
  });

  it("do not occur at a cold start: 200 concurrent new symbols use at least 29 of 30 permits", async () => {
    const service = await startService({}, { CLIENT_SHARE: "30" });
    await Promise.all(
      Array.from({ length: 200 }, (_, index) => service.get(`/v1/short-interest/US.T${index}`)),
    );
    expect(await calls(service)).toBeGreaterThanOrEqual(29);
  });
});
