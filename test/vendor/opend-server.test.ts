import { createHash } from "node:crypto";
import FutuWebsocket from "futu-api";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { GET_SHORT_INTEREST } from "../../functions/opend/short-interest.ts";
import { type LocalService, startPlainService } from "../support/local-service.ts";
import { fetchReply } from "./vendor-request.ts";

/** The vendor's unmodified client with an OpenD, and with the Worker in front of it. */

const NAME = "Qot_GetShortInterest";
const KEY = "7522027ccf5a06b1";
const hash = (algorithm: string, text: string) => createHash(algorithm).update(text).digest("hex");
const API_KEYS = `me:${hash("sha256", KEY)}:${hash("sha256", hash("md5", KEY))}`;

let service: LocalService;
let keyless: LocalService;
let beyondLimit: ReturnType<typeof requestBeyondLimit>;
let urls: Record<"OpenD" | "Worker" | "Worker without API keys", URL>;

beforeAll(async () => {
  // Its waits elapse while the other tests run.
  beyondLimit = requestBeyondLimit();
  beyondLimit.catch(() => undefined);
  [service, keyless] = await Promise.all([
    startPlainService(
      { key: KEY, limit: 1_000 },
      { OPEND_KEY: KEY, API_KEYS, SUBREQUEST_LIMIT: "10000", UPSTREAM_WINDOW_SECONDS: "1" },
    ),
    startPlainService(),
  ]);
  urls = {
    OpenD: new URL(service.opend.url),
    Worker: new URL(service.origin),
    "Worker without API keys": new URL(keyless.origin),
  };
}, 60_000);

afterAll(async () => {
  await service?.close();
  await keyless?.close();
});

async function logIn(target: keyof typeof urls, key: string): Promise<FutuWebsocket> {
  const client = new FutuWebsocket();
  const { hostname, port } = urls[target];
  await new Promise<void>((resolve, reject) => {
    client.onlogin = (success, reason) => (success ? resolve() : reject(reason));
    client.start(hostname, Number(port), false, key);
  });
  return client;
}

const requestOf = (market: number, code: string, fields: object = {}) => ({
  c2s: { security: { market, code }, ...fields },
});

interface Reply {
  s2c: {
    hkItemList: { timestampStr: string; aggregatedShort: unknown }[];
    usItemList: object[];
    nextKey: string;
  };
}

/** Requests 12 pages with a client whose subrequests run out. It logs in again by itself, after a second. */
async function requestBeyondLimit() {
  const limited = await startPlainService({ delayMs: [30, 60] }, { CLIENT_SHARE: "30" });
  const client = new FutuWebsocket();
  const { hostname, port } = new URL(limited.origin);
  let logins = 0;
  client.onlogin = () => {
    logins += 1;
  };
  client.start(hostname, Number(port), false, "");
  const codes = Array.from({ length: 12 }, (_, index) => `T${index}`);
  let refused = 0;
  const nextLogin = (earlier: number) =>
    vi.waitFor(() => expect(logins).toBeGreaterThan(earlier), { timeout: 20_000 });
  const requestAll = async () => {
    await nextLogin(0);
    for (let code = codes.shift(); code !== undefined; code = codes.shift()) {
      const login = logins;
      try {
        await client._sendCmd(GET_SHORT_INTEREST, requestOf(11, code), NAME);
      } catch {
        refused += 1;
        codes.push(code);
        // The client logs in again automatically.
        await nextLogin(login);
      }
    }
  };
  await Promise.all([requestAll(), requestAll(), requestAll()]);
  client.stop();
  const { calls } = limited.opend.stats();
  await limited.close();
  return { refused, calls };
}

describe.each(["OpenD", "Worker"] as const)("futu-api client with %s", (target) => {
  let client: FutuWebsocket;
  const request = (market: number, code: string, fields: object = {}) =>
    client._sendCmd(GET_SHORT_INTEREST, requestOf(market, code, fields), NAME) as Promise<Reply>;

  beforeAll(async () => {
    client = await logIn(target, KEY);
  });
  afterAll(() => client.stop());

  it("receives the documented rows", async () => {
    const reply = await request(1, "00700");
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
  ])(
    "market %i, code %s: pages of %i rows lead to the end of the history",
    async (market, code, num, rows) => {
      let nextKey = "";
      let count = 0;
      while (nextKey !== "-1") {
        const { s2c } = await request(market, code, { num, ...(nextKey && { nextKey }) });
        count += s2c.hkItemList.length + s2c.usItemList.length;
        nextKey = s2c.nextKey;
      }
      expect(count).toBe(rows);
    },
  );

  it("receives OpenD's error for an unknown security", async () => {
    await expect(request(11, "NOSUCH")).rejects.toMatchObject({
      retType: -1,
      retMsg: expect.stringContaining("未知股票"),
    });
  });

  it("receives OpenD's error when the rate limit is exceeded", async () => {
    await service.upstash.redis.call("FLUSHDB");
    service.opend.set({ fault: "frequency" });
    const reply = request(11, "TSLA").finally(() => service.opend.set({ fault: "" }));
    await expect(reply).rejects.toMatchObject({ retType: -1, retMsg: expect.stringContaining("频率太高") });
    await service.upstash.redis.call("FLUSHDB");
  });

  it("sends 30 requests concurrently and receives 30 replies", async () => {
    const codes = ["AAPL", "TSLA", "SPY", "NEWLY", "NONE"];
    const replies = await Promise.all(
      Array.from({ length: 30 }, (_, index) => request(11, codes[index % codes.length] ?? "", { num: 1 })),
    );
    expect(replies.map(({ s2c }) => s2c.usItemList.length)).toEqual(
      replies.map((_, index) => (codes[index % codes.length] === "NONE" ? 0 : 1)),
    );
  });
});

describe("Worker as an OpenD server", () => {
  it("accepts a login with a valid API key, and any login if no API keys are set", async () => {
    for (const [target, key] of [
      ["Worker", KEY],
      ["Worker without API keys", ""],
      ["Worker without API keys", "whatever"],
    ] as const) {
      const client = await logIn(target, key);
      const reply = (await client._sendCmd(GET_SHORT_INTEREST, requestOf(11, "NEWLY"), NAME)) as Reply;
      expect(reply.s2c.usItemList).toHaveLength(3);
      client.stop();
    }
  });

  it.each(["", "wrong", KEY.toUpperCase()])("rejects a login with the key %j", async (key) => {
    await expect(logIn("Worker", key)).rejects.toBe(-1);
  });

  it("returns an error for an unsupported command, and replies for GetGlobalState and KeepAlive", async () => {
    const client = await logIn("Worker", KEY);
    const unsupported = client._sendCmd(1005, { c2s: {} }, "GetUserInfo");
    const state = client._sendCmd(1002, { c2s: { userID: 0 } }, "GetGlobalState");
    const keepAlive = client._sendCmd(1004, { c2s: { time: 1 } }, "KeepAlive");
    await expect(unsupported).rejects.toMatchObject({ retType: -1, retMsg: expect.stringContaining("3249") });
    expect(await state).toMatchObject({ retType: 0, s2c: { qotLogined: true, trdLogined: false } });
    expect(await keepAlive).toMatchObject({ retType: 0, s2c: { time: expect.anything() } });
    client.stop();
  });

  it.each([
    ["HK.00700", requestOf(1, "00700")],
    ["HK.00700 with num 50", requestOf(1, "00700", { num: 50 })],
    ["HK.00700 with a cursor inside a page", requestOf(1, "00700", { num: 7, nextKey: "1772121600" })],
    ["the last page of US.AAPL", requestOf(11, "AAPL", { num: 3, nextKey: "1652587200" })],
    ["US.HUGE", requestOf(11, "HUGE")],
    ["US.NONE", requestOf(11, "NONE")],
    ["a cursor after the end", requestOf(11, "AAPL", { nextKey: "-1" })],
  ])("returns OpenD's reply for %s, byte for byte", async (_, request) => {
    const fromOpend = await fetchReply(urls.OpenD, KEY, request);
    const fromWorker = await fetchReply(urls.Worker, KEY, request);
    expect(Buffer.from(fromWorker).toString("hex")).toBe(Buffer.from(fromOpend).toString("hex"));
  });

  it("answers every request of a client that logs in again after the subrequest limit is reached", {
    timeout: 60_000,
  }, async () => {
    const { refused, calls } = await beyondLimit;
    expect(refused).toBeGreaterThan(0);
    expect(calls).toBe(12);
  });
});
