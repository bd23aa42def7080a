import { describe, expect, it, vi } from "vitest";
import { startDataCenters as start } from "../support/data-center.ts";
import { readPermits } from "../support/permit-log.ts";
import { type Service, startService } from "../support/service.ts";

const MINUTE = 60_000;

const calls = async (service: Service) => (await service.opend.stats()).calls;
const pagesIn = async (service: Service) =>
  ((await service.upstash.redis("KEYS", "short-interest:page:*")) as string[]).length;

describe("unknown cursor", () => {
  /** Cursors between the rows of the first page, and beyond them, that no page leads to. */
  async function inventCursors(service: Service, count: number) {
    const response = await service.get("/v1/short-interest/HK.00700?num=50");
    const { items } = await response.json<{ items: { timestamp: number }[] }>();
    return Array.from({ length: count }, (_, index) =>
      String((items[index % 40]?.timestamp ?? 0) - 1 - index),
    );
  }

  it("becomes known if the page that leads to it is stored during the call", async () => {
    const { service, dataCenters } = await start(2);
    const first = await dataCenters[0]?.page("HK.00700", { num: 50 });
    const cursor = first?.result?.page.next ?? "";
    const index = "short-interest:index:HK.00700";
    await service.upstash.redis("DEL", index);
    await service.opend.set({ delayMs: [200, 200] });
    const second = dataCenters[1]?.page("HK.00700", { num: 50, cursor });
    await vi.waitFor(async () => expect((await service.opend.stats()).connections).toBe(1));
    await service.upstash.redis("SET", index, `next ${cursor} ${Date.now() + 60_000}`);
    expect((await second)?.result?.page.rows).toHaveLength(50);
    expect(await pagesIn(service)).toBe(2);
    expect((await readPermits(service.upstash.redis)).map(({ weight }) => weight)).toEqual([1, 1]);
  });

  it("costs a refused client at most 2 commands", async () => {
    const { service, dataCenters } = await start(1, { CLIENT_SHARE: "2" });
    for (const symbol of ["US.AAPL", "US.TSLA", "US.SPY"]) await dataCenters[0]?.page(symbol);
    const before = await service.upstash.requests();
    for (let index = 0; index < 40; index += 1) {
      const { failure } =
        (await dataCenters[0]?.page("US.AAPL", { cursor: String(1_900_000_000 + index) })) ?? {};
      expect(failure?.code).toBe("client_quota_exceeded");
    }
    expect((await service.upstash.requests()) - before).toBeLessThanOrEqual(80);
  });

  it("is cached for minutes in its data center, and never in the shared cache", async () => {
    const service = await startService({}, { CLIENT_SHARE: "30" });
    const cursors = await inventCursors(service, 6);
    for (const cursor of [...cursors, ...cursors]) {
      expect((await service.get(`/v1/short-interest/HK.00700?next_key=${cursor}`)).status).toBe(200);
    }
    expect(await calls(service)).toBe(7);
    expect(await pagesIn(service)).toBe(1);
    expect(await service.upstash.redis("KEYS", "short-interest:lease:*")).toEqual([]);
  });

  it("expires after five minutes, fresh or not", async () => {
    const { service, clock, dataCenters } = await start(1);
    const rows = (await dataCenters[0]?.page("HK.00700", { num: 50 }))?.result?.page.rows ?? [];
    const cursor = String((rows[3]?.timestamp ?? 0n) - 1n);
    await dataCenters[0]?.page("HK.00700", { cursor });
    clock.forward(4 * MINUTE);
    await dataCenters[0]?.page("HK.00700", { cursor });
    expect(await calls(service)).toBe(2);
    clock.forward(2 * MINUTE);
    await dataCenters[0]?.page("HK.00700", { cursor });
    expect(await calls(service)).toBe(3);
  });

  it("makes no other cursor known", async () => {
    const service = await startService({}, { CLIENT_SHARE: "30" });
    const future = "2000000000";
    const first = await service.get(`/v1/short-interest/US.AAPL?num=50&next_key=${future}`);
    const { next_key } = await first.json<{ next_key: string }>();
    expect((await service.get(`/v1/short-interest/US.AAPL?num=50&next_key=${next_key}`)).status).toBe(200);
    expect(await pagesIn(service)).toBe(0);
  });

  it.each(["timestamp", "offset", "opaque"] as const)(
    "does not occur in a walk by '%s' cursors: its pages are in the shared cache",
    async (cursors) => {
      const { service, dataCenters } = await start(2);
      await service.opend.set({ cursors });
      const walk = async (dataCenter: (typeof dataCenters)[number] | undefined) => {
        let [cursor, pages] = ["", 0];
        for (;;) {
          const { result } = (await dataCenter?.page("HK.00700", { num: 50, cursor })) ?? {};
          pages += 1;
          if (result?.page.next == null) return pages;
          cursor = result.page.next;
        }
      };
      const pages = await walk(dataCenters[0]);
      expect(pages).toBeGreaterThan(2);
      const before = await calls(service);
      expect(await walk(dataCenters[1])).toBe(pages);
      expect(await calls(service)).toBe(before);
    },
  );
});
