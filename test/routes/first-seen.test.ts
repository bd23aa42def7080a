import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Service, startService } from "../support/service.ts";

const SECOND = 1_000;
const DAY = 86_400 * SECOND;
const RECORD = "short-interest:first-seen:US.AAPL";
const path = (query = "") => `/v1/short-interest/US.AAPL?num=2&include=first_seen_at${query}`;
const history = (query = "") => `/v1/short-interest/US.AAPL/history?include=first_seen_at${query}`;

interface Body {
  items: { timestamp: number; first_seen_at: number | null }[];
  next_key: string | null;
}

let service: Service;
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  service = await startService({ unpublished: 2 });
});
afterEach(() => {
  vi.useRealTimers();
});

async function times(target: string): Promise<(number | null)[]> {
  const response = await service.get(target);
  expect(response.status).toBe(200);
  const body: Body = await response.json();
  return body.items.map(({ first_seen_at }) => first_seen_at);
}

/** Publishes one row more, and fetches the first page. Returns the earliest possible time, in seconds, rounded up. */
async function publish(unpublished: number): Promise<number> {
  await service.opend.set({ unpublished });
  vi.setSystemTime(Date.now() + DAY + 1);
  const earliest = Math.ceil(Date.now() / SECOND);
  // The first request gets the stale page, and refreshes it.
  await service.get("/v1/short-interest/US.AAPL");
  return earliest;
}

describe("include=first_seen_at", () => {
  it("is null for the rows of the first look, and a time for later rows", async () => {
    expect(await times(path())).toEqual([null, null]);
    const earliest = await publish(1);
    const [newest, ...older] = await times(path());
    expect(newest).toBeGreaterThanOrEqual(earliest);
    expect(newest).toBeLessThan(earliest + 10);
    expect(older).toEqual([null]);
    await publish(0);
    const [, second] = await times(path());
    expect(second).toBe(newest);
  });

  it("stays the same after a split and a purge", async () => {
    await service.get(path());
    await publish(0);
    const before = await times(path());
    await service.opend.set({ split: 2 });
    for (const key of ["page:US.AAPL/", "index:US.AAPL"])
      await service.upstash.redis("DEL", `short-interest:${key}`);
    vi.setSystemTime(Date.now() + 9 * DAY);
    expect(await times(path())).toEqual(before);
    expect(before).toEqual([expect.any(Number), expect.any(Number)]);
  });

  it("is null for all rows after Redis has lost the record", async () => {
    await service.get("/v1/short-interest/US.AAPL");
    await publish(0);
    await service.upstash.redis("DEL", RECORD);
    expect(await times(path())).toEqual([null, null]);
    vi.setSystemTime(Date.now() + 9 * DAY);
    await service.get("/v1/short-interest/US.AAPL");
    expect(await times(path())).toEqual([null, null]);
  });

  it("is present in the response whose fetch showed the row, even while the record is written", async () => {
    await service.get(path());
    await service.opend.set({ unpublished: 0 });
    vi.setSystemTime(Date.now() + 9 * DAY);
    const fetched = await times(path());
    expect(fetched).toEqual([expect.any(Number), expect.any(Number)]);
    expect(await times(path("&format=json"))).toEqual(fetched);
  });

  it("is the last column of each format, in pages and histories", async () => {
    await service.get("/v1/short-interest/US.AAPL");
    await publish(1);
    const text = async (target: string) =>
      new TextDecoder().decode(await (await service.get(target)).arrayBuffer());
    const [newest] = await times(path());
    for (const target of [path, history]) {
      const [header, first, second] = (await text(target("&format=csv"))).split("\r\n");
      expect(header).toMatch(/,last_close_price,first_seen_at$/);
      expect(first?.split(",").at(-1)).toBe(String(newest));
      expect(second?.split(",").at(-1)).toBe("");
      const [row = "", older = ""] = (await text(target("&format=ndjson"))).split("\n");
      expect(Object.entries(JSON.parse(row)).at(-1)).toEqual(["first_seen_at", newest]);
      expect(JSON.parse(older).first_seen_at).toBeNull();
      expect((await times(target("&format=json"))).slice(0, 2)).toEqual([newest, null]);
    }
    expect((await times(history("&order=asc"))).slice(-2)).toEqual([null, newest]);
    expect(await times(history("&from=2026-04-01&to=2026-04-10"))).not.toContain(undefined);
  });

  it("is refused with protobuf, and by an Accept header with protobuf only", async () => {
    const refused = await service.get(path("&format=protobuf"));
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ code: "invalid_parameter", parameter: "include" });
    const accept = (value: string) => service.get(path(), { headers: { Accept: value } });
    expect((await accept("application/x-protobuf")).status).toBe(406);
    const { headers } = await accept("application/x-protobuf, text/csv;q=0.5");
    expect(headers.get("Content-Type")).toContain("text/csv");
    const unknown = await service.get("/v1/short-interest/US.AAPL?include=all");
    expect(await unknown.json()).toMatchObject({ code: "invalid_parameter", parameter: "include" });
  });

  it("has its own entity tag and its own next page, and no effect on other responses", async () => {
    const plain = await service.get("/v1/short-interest/US.AAPL?num=2");
    const response = await service.get(path());
    expect(response.headers.get("ETag")).not.toBe(plain.headers.get("ETag"));
    expect(response.headers.get("Link")).toContain("include=first_seen_at");
    const etag = response.headers.get("ETag") ?? "";
    expect((await service.get(path(), { headers: { "If-None-Match": etag } })).status).toBe(304);
    const again: Body = await (await service.get("/v1/short-interest/US.AAPL?num=2")).json();
    expect(again).toEqual(await plain.json());
    expect(again.items[0]).not.toHaveProperty("first_seen_at");
  });

  it("fails if Redis does, because null would be a statement", async () => {
    await service.get("/v1/short-interest/US.AAPL");
    await service.upstash.fail("500");
    expect((await service.get("/v1/short-interest/US.AAPL")).status).toBe(200);
    expect((await service.get(path())).status).toBe(503);
    expect((await service.get(history())).status).toBe(503);
  });
});
