import { createHash } from "node:crypto";
import FutuWebsocket from "futu-api";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { GET_SHORT_INTEREST } from "../../functions/opend/short-interest.ts";
import { type LocalService, startLocalService } from "../support/local-service.ts";
import { exchange } from "./exchange.ts";

/** The vendor's client, unmodified, against an OpenD and against the Worker in front of one. */

const NAME = "Qot_GetShortInterest";
const KEY = "7522027ccf5a06b1";
const hash = (algorithm: string, text: string) => createHash(algorithm).update(text).digest("hex");
const API_KEYS = `me:${hash("sha256", KEY)}:${hash("sha256", hash("md5", KEY))}`;

let running: LocalService;
let open: LocalService;
let addresses: Record<"an OpenD" | "the Worker" | "a Worker without keys", URL>;

beforeAll(async () => {
  running = await startLocalService(
    { key: KEY, limit: 1_000 },
    { OPEND_KEY: KEY, API_KEYS, SUBREQUEST_LIMIT: "10000", UPSTREAM_WINDOW_SECONDS: "1" },
  );
  open = await startLocalService();
  addresses = {
    "an OpenD": new URL(running.opend.url),
    "the Worker": new URL(running.origin),
    "a Worker without keys": new URL(open.origin),
  };
}, 60_000);

afterAll(async () => {
  await running?.close();
  await open?.close();
});

async function logIn(where: keyof typeof addresses, key: string): Promise<FutuWebsocket> {
  const client = new FutuWebsocket();
  const { hostname, port } = addresses[where];
  await new Promise<void>((resolve, reject) => {
    client.onlogin = (success, reason) => (success ? resolve() : reject(reason));
    client.start(hostname, Number(port), false, key);
  });
  return client;
}

const requestOf = (market: number, code: string, more: object = {}) => ({
  c2s: { security: { market, code }, ...more },
});

interface Reply {
  s2c: {
    hkItemList: { timestampStr: string; aggregatedShort: unknown }[];
    usItemList: object[];
    nextKey: string;
  };
}

describe.each(["an OpenD", "the Worker"] as const)("the vendor's client, at %s", (where) => {
  let client: FutuWebsocket;
  const ask = (market: number, code: string, more: object = {}) =>
    client._sendCmd(GET_SHORT_INTEREST, requestOf(market, code, more), NAME) as Promise<Reply>;

  beforeAll(async () => {
    client = await logIn(where, KEY);
  });
  afterAll(() => client.stop());

  it("gets the documented rows", async () => {
    const reply = await ask(1, "00700");
    expect(reply).toMatchObject({ retType: 0, retMsg: "", errCode: 0, s2c: { nextKey: "1772121600" } });
    expect(reply.s2c.hkItemList.map((row) => [row.timestampStr, String(row.aggregatedShort)])).toEqual([
      ["2026-04-30", "51480638"],
      ["2026-04-24", "51888755"],
      ["2026-04-17", "47974208"],
      ["2026-04-10", "48424833"],
      ["2026-04-02", "49982828"],
      ["2026-03-27", "52744147"],
      ["2026-03-20", "51710854"],
      ["2026-03-13", "48105325"],
      ["2026-03-06", "42404275"],
      ["2026-02-27", "36037870"],
    ]);
  });

  it.each([
    [1, "00700", 10, 250],
    [11, "AAPL", 50, 130],
    [11, "NONE", 10, 0],
  ])("walks market %i, %s, by %i to the end", async (market, code, num, rows) => {
    let nextKey = "";
    let walked = 0;
    while (nextKey !== "-1") {
      const { s2c } = await ask(market, code, { num, ...(nextKey && { nextKey }) });
      walked += s2c.hkItemList.length + s2c.usItemList.length;
      nextKey = s2c.nextKey;
    }
    expect(walked).toBe(rows);
  });

  it("is told that there is no such security", async () => {
    await expect(ask(11, "NOSUCH")).rejects.toMatchObject({
      retType: -1,
      retMsg: expect.stringContaining("未知股票"),
    });
  });

  it("is told when it asks too often", async () => {
    await running.upstash.redis.call("FLUSHDB");
    running.opend.set({ fault: "frequency" });
    const refused = ask(11, "TSLA").finally(() => running.opend.set({ fault: "" }));
    await expect(refused).rejects.toMatchObject({ retType: -1, retMsg: expect.stringContaining("频率太高") });
    await running.upstash.redis.call("FLUSHDB");
  });

  it("may have many requests under way", async () => {
    const codes = ["AAPL", "TSLA", "SPY", "NEWLY", "NONE"];
    const replies = await Promise.all(
      Array.from({ length: 30 }, (_, at) => ask(11, codes[at % codes.length] ?? "", { num: 1 })),
    );
    expect(replies.map(({ s2c }) => s2c.usItemList.length)).toEqual(
      replies.map((_, at) => (codes[at % codes.length] === "NONE" ? 0 : 1)),
    );
  });
});

describe("the Worker", () => {
  it("lets the vendor's client in with a key, or without where there are none", async () => {
    for (const [where, key] of [
      ["the Worker", KEY],
      ["a Worker without keys", ""],
      ["a Worker without keys", "whatever"],
    ] as const) {
      const client = await logIn(where, key);
      const reply = (await client._sendCmd(GET_SHORT_INTEREST, requestOf(11, "NEWLY"), NAME)) as Reply;
      expect(reply.s2c.usItemList).toHaveLength(3);
      client.stop();
    }
  });

  it("settles every request of the vendor's client also where subrequests are few", {
    timeout: 60_000,
  }, async () => {
    const few = await startLocalService({ delayMs: [30, 60] }, { CLIENT_SHARE: "30" });
    const client = new FutuWebsocket();
    const { hostname, port } = new URL(few.origin);
    let logins = 0;
    client.onlogin = () => {
      logins += 1;
    };
    client.start(hostname, Number(port), false, "");
    const codes = Array.from({ length: 12 }, (_, at) => `T${at}`);
    let refused = 0;
    const loginAfter = (earlier: number) =>
      vi.waitFor(() => expect(logins).toBeGreaterThan(earlier), { timeout: 20_000 });
    const walk = async () => {
      await loginAfter(0);
      for (let code = codes.shift(); code !== undefined; code = codes.shift()) {
        const login = logins;
        try {
          await client._sendCmd(GET_SHORT_INTEREST, requestOf(11, code), NAME);
        } catch {
          refused += 1;
          codes.push(code);
          // The next login comes by itself.
          await loginAfter(login);
        }
      }
    };
    await Promise.all([walk(), walk(), walk()]);
    client.stop();
    expect(refused).toBeGreaterThan(0);
    expect(few.opend.stats().calls).toBe(12);
    await few.close();
  });

  it.each(["", "wrong", KEY.toUpperCase()])("keeps it out with the key %j, and it notices", async (key) => {
    await expect(logIn("the Worker", key)).rejects.toBe(-1);
  });

  it("answers any other command so that the vendor's client settles", async () => {
    const client = await logIn("the Worker", KEY);
    const refused = client._sendCmd(1002, { c2s: { userID: 0 } }, "GetGlobalState");
    const other = client._sendCmd(1004, { c2s: { time: 1 } }, "KeepAlive");
    await expect(refused).rejects.toMatchObject({ retType: -1, retMsg: expect.stringContaining("3249") });
    expect(await other).toMatchObject({ retType: 0, s2c: { time: expect.anything() } });
    client.stop();
  });

  it.each([
    ["HK.00700", requestOf(1, "00700")],
    ["HK.00700, 50 of them", requestOf(1, "00700", { num: 50 })],
    ["HK.00700, from within", requestOf(1, "00700", { num: 7, nextKey: "1772121600" })],
    ["the last of US.AAPL", requestOf(11, "AAPL", { num: 3, nextKey: "1652587200" })],
    ["US.HUGE", requestOf(11, "HUGE")],
    ["US.NONE", requestOf(11, "NONE")],
    ["after the end", requestOf(11, "AAPL", { nextKey: "-1" })],
  ])("gives OpenD's own reply for %s, byte for byte", async (_, request) => {
    const direct = await exchange(addresses["an OpenD"], KEY, request);
    const through = await exchange(addresses["the Worker"], KEY, request);
    expect(Buffer.from(through).toString("hex")).toBe(Buffer.from(direct).toString("hex"));
  });
});
