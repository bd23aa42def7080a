import { describe, expect, it } from "vitest";
import { sharesIn } from "../../functions/short-interest/columns.ts";
import { randomFrom, usHistory } from "../stand-ins/sample-data.ts";
import { type createDataCenter, startDataCenters } from "../support/data-center.ts";
import { agePermits } from "../support/permit-log.ts";
import { DAY, HOUR, MINUTE } from "../support/shared-cache.ts";

const SYMBOL = "US.AAPL";
const BEFORE = usHistory("AAPL") ?? [];
const AFTER = usHistory("AAPL", 2) ?? [];
const timestamps = BEFORE.map(({ timestamp }) => String(timestamp));
const NUMS = [1, 7, 10, 50];
/** The cursor after a number of rows. */
const cursorAfter = (count: number) => timestamps[count - 1] ?? "";
/** Bounds of pages, the rows around them, and rows near the end of a page. */
const CURSORS = [0, 1, 44, 49, 50, 51, 93, 99, 100, 125].map(cursorAfter);

type DataCenter = ReturnType<typeof createDataCenter>;
type Version = "before" | "after";

/** Two data centers, and an OpenD whose rows a split rewrites. */
async function start() {
  const { service, clock, dataCenters } = await startDataCenters(2);
  const [first, second] = dataCenters;
  if (!first || !second) throw new Error("There are two data centers");
  await service.opend.set({ limit: 10_000 });

  /** The limit is no subject of these tests. */
  const freePermits = () => agePermits(service.upstash.redis, 10 * MINUTE);

  /** Reads a page, and returns which history all its rows are of. */
  async function read(dataCenter: DataCenter, cursor: string, num: number): Promise<Version> {
    const { result, failure } = await dataCenter.page(SYMBOL, { cursor, num });
    if (!result) throw failure;
    const from = timestamps.indexOf(cursor) + 1;
    const { rows } = result.page;
    const shares = rows.map(sharesIn);
    const of = (history: typeof BEFORE) => history.slice(from, from + num).map(sharesIn);
    expect(rows.map(({ timestamp }) => String(timestamp))).toEqual(timestamps.slice(from, from + num));
    const version = shares[0] === BEFORE[from]?.sharesShort ? "before" : "after";
    expect(shares).toEqual(of(version === "before" ? BEFORE : AFTER));
    return version;
  }

  /** Reads pages with all cursors and row counts. */
  async function readAll(dataCenter: DataCenter, cursors = CURSORS): Promise<Set<Version>> {
    await freePermits();
    const versions = new Set<Version>();
    for (const cursor of cursors) for (const num of NUMS) versions.add(await read(dataCenter, cursor, num));
    return versions;
  }

  return {
    service,
    clock,
    first,
    second,
    read,
    readAll,
    freePermits,
    split: () => service.opend.set({ split: 2 }),
    calls: async () => (await service.opend.stats()).calls,
  };
}

/** Reads the first page until it shows the split. Returns how long that took. */
async function readUntilSplit({ clock, first, read }: Awaited<ReturnType<typeof start>>): Promise<number> {
  for (let ms = 0; ms <= 2 * DAY; ms += HOUR) {
    if ((await read(first, "", 50)) === "after") return ms;
    clock.forward(HOUR);
  }
  throw new Error("The first page never shows the split");
}

describe("history that a split rewrites", () => {
  it("is shown by the first page within a day and an hour", async () => {
    const started = await start();
    await started.readAll(started.first);
    await started.split();
    expect(await readUntilSplit(started)).toBeLessThanOrEqual(25 * HOUR);
  });

  it("is served whole in all data centers two hours after the first page that shows it", async () => {
    const started = await start();
    const { clock, first, second, readAll, split } = started;
    for (const dataCenter of [first, second]) {
      expect(await readAll(dataCenter)).toEqual(new Set(["before"]));
    }
    await split();
    await readUntilSplit(started);
    for (let minutes = 0; minutes < 120; minutes += 20) {
      // Each page that this reads has rows of one history only.
      for (const dataCenter of [first, second]) await readAll(dataCenter);
      clock.forward(20 * MINUTE);
    }
    for (const dataCenter of [first, second]) {
      expect(await readAll(dataCenter)).toEqual(new Set(["after"]));
    }
  });

  it("is served whole a day after, in a data center that was not read meanwhile", async () => {
    const started = await start();
    const { clock, first, second, readAll, split } = started;
    for (const dataCenter of [first, second]) await readAll(dataCenter);
    await split();
    await readUntilSplit(started);
    clock.forward(DAY);
    const older = CURSORS.slice(1);
    expect(await readAll(second, older)).toEqual(new Set(["after"]));
    expect(await readAll(first, older)).toEqual(new Set(["after"]));
  });

  it("is shown by the first page two hours after an older page shows it", async () => {
    const started = await start();
    const { clock, first, read, split, freePermits } = started;
    const older = cursorAfter(50);
    await read(first, "", 50);
    await read(first, older, 50);
    clock.forward(7 * DAY - HOUR);
    // The first read starts the refresh.
    for (let count = 0; count < 2; count += 1) await read(first, "", 50);
    await split();
    for (let hour = 0; (await read(first, older, 50)) === "before"; hour += 1) {
      expect(hour).toBeLessThan(10);
      clock.forward(HOUR);
      await freePermits();
    }
    clock.forward(HOUR);
    await read(first, "", 50);
    clock.forward(HOUR);
    expect(await read(first, "", 50)).toBe("after");
  });

  it("is served whole if the first page was no longer cached", async () => {
    const started = await start();
    const { clock, first, second, read, readAll, split } = started;
    await readAll(first);
    clock.forward(6 * DAY);
    // Only the older pages are refreshed, and cached for longer than the first page.
    await readAll(second, CURSORS.slice(4));
    clock.forward(3 * DAY);
    await split();
    expect(await read(first, "", 50)).toBe("after");
    clock.forward(DAY);
    for (const dataCenter of [first, second]) {
      expect(await readAll(dataCenter)).toEqual(new Set(["after"]));
    }
  });

  it("is served from the edge cache again, also if another page has the rows of a dropped one", async () => {
    const started = await start();
    const { service, clock, first, read, readAll, split } = started;
    const [within, bound] = [cursorAfter(44), cursorAfter(50)];
    for (const cursor of ["", bound, within]) await readAll(first, [cursor]);
    await split();
    await readUntilSplit(started);
    clock.forward(2 * HOUR);
    expect(await read(first, within, 50)).toBe("after");
    expect(await read(first, bound, 10)).toBe("after");
    const before = await service.upstash.requests();
    for (let request = 0; request < 5; request += 1) expect(await read(first, bound, 10)).toBe("after");
    expect(await service.upstash.requests()).toBe(before);
  });

  it("costs one call for each page", async () => {
    const started = await start();
    const { clock, first, second, readAll, split, calls } = started;
    const cursors = [0, 50, 100].map(cursorAfter);
    for (const dataCenter of [first, second]) await readAll(dataCenter, cursors);
    expect(await calls()).toBe(3);
    await split();
    await readUntilSplit(started);
    const before = await calls();
    clock.forward(2 * HOUR);
    for (const dataCenter of [first, second]) await readAll(dataCenter, cursors);
    expect(await calls()).toBe(before + 2);
  });

  it("does not mix old and new rows in any page, at random times and cursors", async () => {
    const { clock, first, second, read, freePermits, split } = await start();
    const random = randomFrom("split");
    const pick = (count: number) => Math.floor(random() * count);
    for (let step = 0; step < 200; step += 1) {
      if (step === 50) await split();
      await freePermits();
      await read(random() < 0.5 ? first : second, cursorAfter(pick(BEFORE.length)), 1 + pick(50));
      if (random() < 0.5) clock.forward(pick(3 * HOUR));
    }
  });
});

describe("history that no split rewrites", () => {
  it("is not fetched again when a first page with the same rows is fetched", async () => {
    const { clock, first, readAll, read, calls } = await start();
    await readAll(first);
    const before = await calls();
    for (let hour = 0; hour < 48; hour += 1) {
      clock.forward(HOUR);
      await read(first, "", 50);
    }
    const refreshed = await calls();
    expect(refreshed).toBeGreaterThan(before);
    await readAll(first, CURSORS.slice(4));
    expect(await calls()).toBe(refreshed);
  });

  it("is not fetched again when a first page with another row count is read", async () => {
    const { service, first, second, calls } = await start();
    await service.opend.set({ cursors: "opaque" });
    const next = (await first.page(SYMBOL, { num: 50 })).result?.page.next ?? "";
    await first.page(SYMBOL, { num: 50, cursor: next });
    expect((await first.page(SYMBOL, { num: 20 })).result?.tier).toBe("edge");
    const before = await calls();
    expect((await second.page(SYMBOL, { num: 50, cursor: next })).result?.tier).toBe("shared");
    expect(await calls()).toBe(before);
  });
});
