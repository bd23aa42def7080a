import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { encodeRequest } from "../../functions/opend/frame.ts";
import * as KeepAlive from "../../gen/KeepAlive_pb.js";
import { startService } from "../support/service.ts";
import { sha256 } from "../support/sha256.ts";
import { countSubrequests } from "../support/subrequests.ts";
import { connect, connectAndLogIn, TestClient } from "./support.ts";

const PAID_PLAN = { SUBREQUEST_LIMIT: "10000", CLIENT_SHARE: "30" };

describe("client of the OpenD server", () => {
  const entry = async (name: string, key: string) =>
    `${name}:${await sha256(key)}:${await sha256(`md5 of ${key}`)}`;

  it("has the share of its key, and logs in with the MD5 of the key only", async () => {
    const httpOnly = `c:${await sha256("md5 of three")}`;
    const API_KEYS = `${await entry("a", "one")},${await entry("b", "two")},${httpOnly}`;
    const service = await startService(
      {},
      { ...PAID_PLAN, API_KEYS, CLIENT_SHARE: "1", UPSTREAM_WAIT_MS: "0" },
    );
    const [a, b, c] = [await connect(service), await connect(service), await connect(service)];
    expect((await a.logIn("md5 of one")).error).toBe(0);
    expect((await b.logIn("md5 of two")).error).toBe(0);
    expect((await c.logIn("one")).error).toBe(-1);
    const d = await connect(service);
    expect((await d.logIn("md5 of three")).error).toBe(-1);
    expect((await a.page(a.sendCall("T1"))).retType).toBe(0);
    expect((await a.page(a.sendCall("T2"))).retType).toBe(-1);
    expect((await b.page(b.sendCall("T3"))).retType).toBe(0);
  });

  it("without API_KEYS is counted by its IP address, for connections and pages", async () => {
    const service = await startService({}, PAID_PLAN);
    const counted: string[] = [];
    const limit = async ({ key }: { key: string }) => ({ success: counted.push(key) <= 3 });
    Object.assign(service.env, { REQUESTS_PER_CLIENT: { limit } });
    const { webSocket } = await service.connect({ "CF-Connecting-IP": "192.0.2.7" });
    if (!webSocket) throw new Error("The upgrade was refused");
    const client = new TestClient(webSocket);
    await client.logIn();
    for (const retType of [0, 0, -1])
      expect((await client.page(client.sendCall("NEWLY"))).retType).toBe(retType);
    expect((await service.connect({ "CF-Connecting-IP": "192.0.2.7" })).status).toBe(429);
    expect(new Set(counted)).toEqual(new Set(["192.0.2.7"]));
  });

  it("from an Origin outside ALLOWED_ORIGINS gets a 403", async () => {
    const service = await startService({}, { ALLOWED_ORIGINS: "https://a.example" });
    expect((await service.connect({ Origin: "https://b.example" })).status).toBe(403);
    expect((await service.connect({ Origin: "https://a.example" })).status).toBe(101);
  });
});

describe("connection to the OpenD server", () => {
  it("answers KeepAlive with the current time", async () => {
    const client = await connectAndLogIn(await startService());
    const body = toBinary(KeepAlive.RequestSchema, create(KeepAlive.RequestSchema, { c2s: { time: 1n } }));
    const reply = await client.reply(client.send(1004, body));
    expect(reply.command).toBe(1004);
    const { s2c } = fromBinary(KeepAlive.ResponseSchema, reply.body);
    expect(Math.abs(Number(s2c?.time) - Date.now() / 1_000)).toBeLessThan(2);
  });

  it("answers a fast request before an earlier slow one", async () => {
    const service = await startService({ delayMs: [300, 300] }, PAID_PLAN);
    const client = await connectAndLogIn(service);
    await client.page(client.sendCall("NEWLY"));
    const slow = client.sendCall("AAPL");
    const fast = client.sendCall("NEWLY");
    await client.reply(fast);
    expect(client.replies.some(({ section }) => section === slow)).toBe(false);
    expect((await client.page(slow)).s2c?.usItemList).toHaveLength(10);
  });

  it.each([{ num: 0 }, { num: 51 }, { num: -1 }, { nextKey: "\u0000" }, { nextKey: "x".repeat(257) }])(
    "refuses the arguments %j",
    async (more) => {
      const service = await startService();
      const client = await connectAndLogIn(service);
      const { retType, retMsg } = await client.page(client.sendCall("AAPL", more));
      expect(retType).toBe(-1);
      expect(retMsg).toMatch(/^(num|next_key) must be /);
      expect((await service.opend.stats()).calls).toBe(0);
    },
  );

  it("refuses an unreadable body, and an unsupported market", async () => {
    const client = await connectAndLogIn(await startService());
    expect((await client.page(client.send(3249, new Uint8Array([0xff])))).retType).toBe(-1);
    expect(await client.page(client.send(3249, new Uint8Array()))).toMatchObject({ retType: -1 });
    const japan = client.sendCall("7203", { market: 41 });
    expect((await client.page(japan)).retMsg).toContain("HK");
    expect((await client.page(client.sendCall("NEWLY"))).retType).toBe(0);
  });

  it("reports a used-up quota in OpenD's wording, Chinese and English", async () => {
    const service = await startService({}, { UPSTREAM_LIMIT: "1", UPSTREAM_WAIT_MS: "0", ...PAID_PLAN });
    const client = await connectAndLogIn(service);
    expect((await client.page(client.sendCall("AAPL"))).retType).toBe(0);
    const { retType, retMsg } = await client.page(client.sendCall("TSLA"));
    expect(retType).toBe(-1);
    for (const wording of [
      "频率太高",
      "每30秒最多",
      "too frequent",
      "no more than 30 times every 30 seconds",
      "high frequency",
    ]) {
      expect(retMsg).toContain(wording);
    }
  });

  it.each([
    ["text", "hello", 1003],
    ["a short frame", new Uint8Array(19), 1002],
    ["another signature", new Uint8Array(44), 1002],
  ])("closes at %s", async (_, data, code) => {
    const service = await startService();
    const [client, other] = [await connectAndLogIn(service), await connectAndLogIn(service)];
    const section = client.sendCall("NEWLY");
    client.sendRaw(data);
    expect(await client.closed).toBe(code);
    // Earlier requests are answered first.
    expect((await client.page(section)).retType).toBe(0);
    expect((await other.page(other.sendCall("NEWLY"))).retType).toBe(0);
  });

  it("closes at a frame of more than 64 KiB", async () => {
    const client = await connectAndLogIn(await startService());
    // The longest allowed frame. Its command is unknown.
    expect((await client.page(client.send(7, new Uint8Array(65_516)))).retMsg).toContain("3249");
    client.send(3249, new Uint8Array(65_517));
    expect(await client.closed).toBe(1009);
  });

  it("refuses the 33rd request in flight, and closes when all are answered", async () => {
    const service = await startService({ delayMs: [200, 200] }, PAID_PLAN);
    const client = await connectAndLogIn(service);
    const sections = Array.from({ length: 33 }, () => client.sendCall("AAPL"));
    const pages = await Promise.all(sections.map((section) => client.page(section)));
    expect(pages.map(({ retType }) => retType)).toEqual([...Array.from({ length: 32 }, () => 0), -1]);
    expect(await client.closed).toBe(1008);
    expect((await service.opend.stats()).calls).toBe(1);
  });

  it("closes before its subrequests run out, and answers every request", async () => {
    const service = await startService({}, { CLIENT_SHARE: "30" });
    const answered: number[] = [];
    for (let total = 0; total < 12; ) {
      const client = await connectAndLogIn(service);
      for (let count = 0; ; count += 1) {
        const { retType, retMsg } = await client.page(client.sendCall(`T${total % 12}`));
        if (retType !== 0) {
          expect(retMsg).toContain("频率太高");
          expect(await client.closed).toBe(1000);
          answered.push(count);
          break;
        }
        total += 1;
      }
    }
    expect(Math.min(...answered)).toBeGreaterThan(2);
    expect((await service.opend.stats()).calls).toBe(12);
  });

  it("causes at most 50 subrequests for 30 concurrent requests on the free plan", async () => {
    const service = await startService({}, { CLIENT_SHARE: "30" });
    const counted = await countSubrequests(service, async () => {
      const client = await connectAndLogIn(service);
      const sections = Array.from({ length: 30 }, (_, index) => client.sendCall(`T${index}`));
      await Promise.all(sections.map((section) => client.reply(section)));
      await client.closed;
    });
    expect(counted).toBeLessThanOrEqual(50);
  });

  it("answers some of 20 concurrent requests on the free plan, and refuses the others", async () => {
    const service = await startService({}, { CLIENT_SHARE: "30" });
    const client = await connectAndLogIn(service);
    const sections = Array.from({ length: 20 }, (_, index) => client.sendCall(`T${index}`));
    const pages = await Promise.all(sections.map((section) => client.page(section)));
    const answered = pages.filter(({ retType }) => retType === 0).length;
    expect(answered).toBeGreaterThan(2);
    for (const { retType, retMsg } of pages) {
      if (retType !== 0) expect(retMsg).toContain("频率太高");
    }
    expect(await client.closed).toBe(1000);
    expect((await service.opend.stats()).calls).toBe(answered);
  });
});

it("GET / without an upgrade is a 404 if there is no web UI", async () => {
  expect((await (await startService()).get("/")).status).toBe(404);
});

it("OpenD server answers 20,000 malformed frames without a fault, a call, or an effect on other connections", {
  timeout: 120_000,
}, async () => {
  const service = await startService({}, PAID_PLAN);
  const other = await connectAndLogIn(service);
  expect((await other.page(other.sendCall("NEWLY"))).retType).toBe(0);
  const { calls } = await service.opend.stats();

  const body = fc.oneof(fc.uint8Array({ maxLength: 60 }), fc.constant(new Uint8Array()));
  const command = fc.oneof(
    fc.constantFrom(1, 2, 1002, 1003, 1004, 3249),
    fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  );
  const valid = fc
    .record({ command, section: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), body })
    .map((frame) => encodeRequest(frame));
  const damaged = fc
    .tuple(valid, fc.nat(19), fc.nat(255))
    .map(([frame, index, value]) => frame.with(index, value));
  const truncated = fc.tuple(valid, fc.nat(80)).map(([frame, length]) => frame.slice(0, length));
  const unreadable = fc.oneof(
    damaged.filter((frame) =>
      frame.slice(0, 8).some((byte, index) => byte !== "ft-v1.0\0".charCodeAt(index)),
    ),
    truncated.filter((frame) => frame.length < 20),
    fc.string({ maxLength: 60 }),
    fc.uint8Array({ maxLength: 100 }).map((bytes) => Uint8Array.from([0, ...bytes])),
  );
  // The number of frames that are answered before a login.
  const good = fc.array(valid, { minLength: 32, maxLength: 32 });
  const bad = fc.array(unreadable, { minLength: 4, maxLength: 4 });
  let frames = 0;
  await fc.assert(
    fc.asyncProperty(fc.boolean(), good, bad, async (loggedIn, answered, closing) => {
      const client = loggedIn ? await connectAndLogIn(service) : await connect(service);
      const before = client.replies.length;
      for (const frame of answered) client.sendRaw(frame.slice());
      for (const frame of closing) client.sendRaw(typeof frame === "string" ? frame : frame.slice());
      frames += answered.length + closing.length;
      expect([1002, 1003]).toContain(await client.closed);
      expect(client.replies.length - before).toBe(answered.length);
    }),
    { numRuns: 556 },
  );
  expect(frames).toBeGreaterThan(20_000);
  expect((await service.opend.stats()).calls).toBe(calls);
  expect((await other.page(other.sendCall("NEWLY"))).retType).toBe(0);
  await vi.waitFor(async () => expect((await service.opend.stats()).connections).toBe(0));
});
