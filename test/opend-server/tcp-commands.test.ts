import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { PacketEncAlgo } from "../../gen/Common_pb.js";
import * as GlobalState from "../../gen/GetGlobalState_pb.js";
import * as InitConnect from "../../gen/InitConnect_pb.js";
import * as KeepAlive from "../../gen/KeepAlive_pb.js";
import * as ShortInterest from "../../gen/Qot_GetShortInterest_pb.js";
import { logLines } from "../support/log.ts";
import { startService } from "../support/service.ts";
import { sha256 } from "../support/sha256.ts";
import { connectAndLogIn } from "./support.ts";
import {
  callBody,
  connectTcp,
  connectTcpAndLogIn,
  initConnectBody,
  joined,
  tcpFrame,
} from "./tcp-support.ts";

const PAID_PLAN = { SUBREQUEST_LIMIT: "10000", CLIENT_SHARE: "30" };

const refusalOf = (body: Uint8Array) => fromBinary(ShortInterest.ResponseSchema, body);

describe("upgrade of /tcp", () => {
  const API_KEYS = async () => `me:${await sha256("right")}`;

  it("requires a valid API key in X-API-Key or Authorization if API_KEYS is set", async () => {
    const service = await startService({}, { API_KEYS: await API_KEYS() });
    for (const headers of [{}, { "X-API-Key": "wrong" }]) {
      const refused = await service.connect(headers, "/tcp");
      expect(refused.status).toBe(401);
      expect(await refused.json()).toMatchObject({ code: "unauthorized" });
    }
    for (const headers of [{ "X-API-Key": "right" }, { Authorization: "Bearer right" }]) {
      const client = await connectTcp(service, headers);
      expect((await client.logIn()).retType).toBe(0);
      expect((await client.page("NEWLY")).retType).toBe(0);
    }
  });

  it("is counted against the limit of its key, as are its calls", async () => {
    const counted: string[] = [];
    const limit = async ({ key }: { key: string }) => ({ success: counted.push(key) <= 3 });
    const service = await startService({}, { API_KEYS: await API_KEYS() });
    Object.assign(service.env, { REQUESTS_PER_KEY: { limit } });
    const client = await connectTcp(service, { "X-API-Key": "right" });
    await client.logIn();
    for (const retType of [0, 0, -1]) expect((await client.page("NEWLY")).retType).toBe(retType);
    expect((await service.connect({ "X-API-Key": "right" }, "/tcp")).status).toBe(429);
    expect(new Set(counted)).toEqual(new Set(["key:me"]));
  });

  it("is counted against the limit of its IP address if API_KEYS is not set", async () => {
    const service = await startService();
    Object.assign(service.env, { REQUESTS_PER_CLIENT: { limit: async () => ({ success: false }) } });
    expect((await service.connect({}, "/tcp")).status).toBe(429);
  });

  it("from an Origin outside ALLOWED_ORIGINS gets a 403", async () => {
    const service = await startService({}, { ALLOWED_ORIGINS: "https://a.example" });
    expect((await service.connect({ Origin: "https://b.example" }, "/tcp")).status).toBe(403);
    expect((await service.connect({ Origin: "https://a.example" }, "/tcp")).status).toBe(101);
  });

  it("is required: other requests get a 426, other methods a 405", async () => {
    const service = await startService();
    const plain = await service.get("/tcp");
    expect(plain.status).toBe(426);
    expect(plain.headers.get("Upgrade")).toBe("websocket");
    expect(await plain.json()).toMatchObject({ code: "upgrade_required" });
    expect((await service.get("/tcp", { method: "POST" })).status).toBe(405);
  });
});

describe("TCP connection", () => {
  it("answers InitConnect with its version, a connection ID and the interval of KeepAlive", async () => {
    const client = await connectTcp(await startService());
    const { retType, s2c } = await client.logIn();
    expect(retType).toBe(0);
    expect(s2c).toMatchObject({ serverVer: 100, loginUserID: 0n, keepAliveInterval: 10 });
    expect(s2c?.connAESKey).toHaveLength(16);
    expect(s2c?.connID).toBeGreaterThan(0n);
    expect(s2c?.connID).toBeLessThan(2n ** 63n);
  });

  it.each([
    ["its default", undefined, 0],
    ["none", PacketEncAlgo.PacketEncAlgo_None, 0],
    ["FTAES_ECB", PacketEncAlgo.PacketEncAlgo_FTAES_ECB, -1],
    ["AES_ECB", PacketEncAlgo.PacketEncAlgo_AES_ECB, -1],
    ["AES_CBC", PacketEncAlgo.PacketEncAlgo_AES_CBC, -1],
  ])("with the encryption %s gets the right answer to InitConnect", async (_, algorithm, expected) => {
    const client = await connectTcp(await startService());
    const c2s = { clientVer: 300, clientID: "test" };
    const body =
      algorithm === undefined
        ? toBinary(InitConnect.RequestSchema, create(InitConnect.RequestSchema, { c2s }))
        : initConnectBody(algorithm);
    const reply = await client.request(1001, body);
    const { retType, retMsg } = fromBinary(InitConnect.ResponseSchema, reply.body);
    expect(retType).toBe(expected);
    if (expected === 0) return;
    expect(retMsg).toContain("Connect without encryption");
    expect(await client.closed).toBe(1008);
  });

  it("stays logged in if a second InitConnect fails", async () => {
    const client = await connectTcpAndLogIn(await startService());
    client.sendRaw(await tcpFrame(1001, 50, new Uint8Array([0xff])));
    expect((await client.page("NEWLY")).retType).toBe(0);
    expect(refusalOf((await client.reply(50)).body).retMsg).toBe("Cannot decode the request");
    expect((await client.request(1001, initConnectBody(), { sha1: new Uint8Array(20) })).command).toBe(1001);
    expect((await client.page("NEWLY")).retType).toBe(0);
  });

  it("writes a log line for every call, refused ones included", async () => {
    const limit = async () => ({ success: calls.shift() ?? true });
    const calls = [true, true, true, false];
    const service = await startService();
    Object.assign(service.env, { REQUESTS_PER_CLIENT: { limit } });
    const client = await connectTcpAndLogIn(service);
    await client.page("NEWLY");
    await client.page("7203", { market: 41 });
    await client.page("NEWLY");
    await vi.waitFor(() => {
      const entries = logLines().map((line) => JSON.parse(line));
      const calls = entries.filter(({ route }) => route === "Qot_GetShortInterest");
      expect(calls.map(({ code }) => code)).toEqual([undefined, "unsupported_market", "too_many_requests"]);
    });
  });

  it("answers GetGlobalState: logged in for quotes, not for trading", async () => {
    const client = await connectTcpAndLogIn(await startService());
    const request = create(GlobalState.RequestSchema, { c2s: { userID: 0n } });
    const { body } = await client.request(1002, toBinary(GlobalState.RequestSchema, request));
    const { retType, s2c } = fromBinary(GlobalState.ResponseSchema, body);
    expect(retType).toBe(0);
    expect(s2c).toMatchObject({ qotLogined: true, trdLogined: false, serverVer: 100, marketHK: 0 });
    expect(Math.abs(Number(s2c?.time) - Date.now() / 1_000)).toBeLessThan(2);
  });

  it("answers KeepAlive with the current time", async () => {
    const client = await connectTcpAndLogIn(await startService());
    const request = create(KeepAlive.RequestSchema, { c2s: { time: 1n } });
    const { body } = await client.request(1004, toBinary(KeepAlive.RequestSchema, request));
    const { s2c } = fromBinary(KeepAlive.ResponseSchema, body);
    expect(Math.abs(Number(s2c?.time) - Date.now() / 1_000)).toBeLessThan(2);
  });

  it.each([1, 1003, 1005, 1009, 2001, 3004])("refuses the command %i with a text", async (command) => {
    const client = await connectTcpAndLogIn(await startService());
    const { retType, retMsg } = refusalOf((await client.request(command)).body);
    expect(retType).toBe(-1);
    expect(retMsg).toContain("3249");
  });

  it("refuses requests before InitConnect, and closes after 32", async () => {
    const service = await startService();
    const client = await connectTcp(service);
    for (let count = 0; count < 33; count += 1) {
      const { retMsg } = refusalOf((await client.request(3249, callBody("AAPL"))).body);
      if (count < 32) expect(retMsg).toContain("send InitConnect first");
    }
    expect(await client.closed).toBe(1008);
    expect((await service.opend.stats()).calls).toBe(0);
  });

  it("returns an unknown code and a used-up quota in OpenD's wording", async () => {
    const client = await connectTcpAndLogIn(
      await startService({}, { UPSTREAM_LIMIT: "1", UPSTREAM_WAIT_MS: "0", ...PAID_PLAN }),
    );
    expect((await client.page("NOSUCH")).retMsg).toContain("未知股票");
    expect((await client.page("TSLA")).retMsg).toContain("频率太高");
  });

  it.each([
    ["HK.00700", { market: 1, num: 10 }, "?num=10"],
    ["HK.00700", { market: 1, num: 3, nextKey: "1775059200" }, "?num=3&next_key=1775059200"],
    ["US.AAPL", { market: 11, num: 50 }, "?num=50"],
    ["US.HUGE", { market: 11, num: 10 }, "?num=10"],
  ])("returns the body of the WebSocket protocol and of HTTP, byte for byte: %s %j", async (...row) => {
    const [symbol, more, query] = row;
    const service = await startService();
    const code = symbol.slice(3);
    const tcp = await (await connectTcpAndLogIn(service)).request(3249, callBody(code, more));
    const webSocket = await connectAndLogIn(service);
    const http = await service.get(`/v1/short-interest/${symbol}${query}&format=protobuf`);
    const expected = [...new Uint8Array(await http.arrayBuffer())];
    expect(expected.length).toBeGreaterThan(100);
    expect([...tcp.body]).toEqual(expected);
    expect([...(await webSocket.reply(webSocket.sendCall(code, more))).body]).toEqual(expected);
  });

  it("calls OpenD once for a page that is requested over TCP, WebSocket and HTTP", async () => {
    const service = await startService();
    await (await connectTcpAndLogIn(service)).page("AAPL");
    const webSocket = await connectAndLogIn(service);
    await webSocket.page(webSocket.sendCall("AAPL"));
    await service.get("/v1/short-interest/US.AAPL");
    expect((await service.opend.stats()).calls).toBe(1);
  });

  it("causes an end before the subrequests run out, and every request is answered", async () => {
    const service = await startService({}, { CLIENT_SHARE: "30" });
    const client = await connectTcpAndLogIn(service);
    const serials = Array.from({ length: 20 }, (_, index) => 100 + index);
    const calls = await Promise.all(serials.map((at) => tcpFrame(3249, at, callBody(`T${at}`))));
    client.sendRaw(joined(...calls));
    const replies = await Promise.all(serials.map((serial) => client.reply(serial)));
    const answered = replies.filter(({ body }) => refusalOf(body).retType === 0).length;
    expect(answered).toBeGreaterThan(2);
    expect(await client.closed).toBe(1000);
    expect((await service.opend.stats()).calls).toBe(answered);
  });
});

it("TCP server answers 20,000 malformed frames without a fault, a call, or an effect on other connections", {
  timeout: 120_000,
}, async () => {
  const service = await startService({}, PAID_PLAN);
  const other = await connectTcpAndLogIn(service);
  expect((await other.page("NEWLY")).retType).toBe(0);
  const { calls } = await service.opend.stats();

  const command = fc.oneof(
    fc.constantFrom(1, 1001, 1002, 1003, 1004, 1009, 3249),
    fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  );
  const digest = fc.oneof(fc.constant(undefined), fc.uint8Array({ minLength: 20, maxLength: 20 }));
  const readable = fc.record({
    command,
    body: fc.uint8Array({ maxLength: 60 }),
    format: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 255 })),
    sha1: digest,
  });
  const good = fc.array(readable, { minLength: 32, maxLength: 32 });
  // Bytes that no frame begins with. The first of them is wrong, and the header is complete.
  const unreadable = fc
    .uint8Array({ minLength: 44, maxLength: 120 })
    .map((bytes) => Uint8Array.from([0, ...bytes]));
  const cuts = fc.array(fc.nat(3_000), { maxLength: 8 });
  let frames = 0;
  await fc.assert(
    fc.asyncProperty(fc.boolean(), good, unreadable, cuts, async (loggedIn, requests, closing, places) => {
      const client = loggedIn ? await connectTcpAndLogIn(service) : await connectTcp(service);
      const before = client.replies.length;
      const sent = requests.map(({ command, body, format, sha1 }, at) =>
        tcpFrame(command, 1_000 + at, body, { format, ...(sha1 && { sha1 }) }),
      );
      const bytes = joined(...(await Promise.all(sent)), closing);
      const ends = [...places.filter((place) => place < bytes.length).sort((a, b) => a - b), bytes.length];
      for (const [at, end] of ends.entries()) client.sendRaw(bytes.slice(ends[at - 1] ?? 0, end));
      frames += requests.length + 1;
      expect(await client.closed).toBe(1002);
      expect(client.replies.length - before).toBe(requests.length);
    }),
    { numRuns: 610 },
  );
  expect(frames).toBeGreaterThan(20_000);
  expect((await service.opend.stats()).calls).toBe(calls);
  expect((await other.page("NEWLY")).retType).toBe(0);
  await vi.waitFor(async () => expect((await service.opend.stats()).connections).toBe(0));
});
