import { fromBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  SOCKET_LIMITS,
  type SocketLimits,
  serveConnection,
} from "../../functions/opend-server/connection.ts";
import type { Request } from "../../functions/opend-server/framing.ts";
import { createTcpFraming } from "../../functions/opend-server/tcp-framing.ts";
import * as ShortInterest from "../../gen/Qot_GetShortInterest_pb.js";
import { startService } from "../support/service.ts";
import {
  callBody,
  connectTcp,
  connectTcpAndLogIn,
  initConnectBody,
  joined,
  TcpClient,
  tcpFrame,
} from "./tcp-support.ts";

const MAX_FRAME_BYTES = 65_536;

const refusalOf = (body: Uint8Array) => fromBinary(ShortInterest.ResponseSchema, body);

/** Two requests, one without a body, as one byte string. */
const twoRequests = async () => joined(await tcpFrame(1004, 1), await tcpFrame(3249, 2, callBody("AAPL")));

/** Reads messages, and returns the command and body of every request. */
async function readAll(messages: readonly Uint8Array<ArrayBuffer>[]) {
  const framing = createTcpFraming();
  const requests: Request[] = [];
  for (const message of messages) requests.push(...framing.read(message, MAX_FRAME_BYTES));
  return Promise.all(requests.map(async ({ command, body }) => ({ command, body: [...(await body())] })));
}

describe("TCP framing", () => {
  it("reads frames that are cut at any byte", async () => {
    const bytes = await twoRequests();
    const expected = await readAll([bytes]);
    expect(expected.map(({ command }) => command)).toEqual([1004, 3249]);
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      expect(await readAll([bytes.slice(0, cut), bytes.slice(cut)])).toEqual(expected);
    }
    expect(await readAll([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(expected);
  });

  it("reads the same requests from any partition of the byte stream", async () => {
    const bodies = fc.array(fc.uint8Array({ maxLength: 200 }), { minLength: 1, maxLength: 6 });
    const cuts = fc.array(fc.nat(1_500), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(bodies, cuts, async (sent, places) => {
        const bytes = joined(...(await Promise.all(sent.map((body, at) => tcpFrame(at, at, body)))));
        const ends = [...places.filter((place) => place < bytes.length).sort((a, b) => a - b), bytes.length];
        const messages = ends.map((end, at) => bytes.slice(ends[at - 1] ?? 0, end));
        expect(await readAll(messages)).toEqual(sent.map((body, at) => ({ command: at, body: [...body] })));
      }),
      { numRuns: 300 },
    );
  });

  it("copies every byte once, however small the messages are", () => {
    const set = vi.spyOn(Uint8Array.prototype, "set");
    try {
      const framing = createTcpFraming();
      const header = new Uint8Array(44);
      header.set([0x46, 0x54]);
      new DataView(header.buffer).setUint32(12, 10_000, true);
      let copied = 0;
      for (const byte of [...header, ...new Uint8Array(10_000)]) {
        set.mockClear();
        for (const _ of framing.read(Uint8Array.of(byte), MAX_FRAME_BYTES));
        copied += set.mock.calls.reduce((sum, [source]) => sum + source.length, 0);
      }
      // The header is copied once more, into the buffer of the frame.
      expect(copied).toBe(44 + 44 + 10_000);
    } finally {
      set.mockRestore();
    }
  });
});

describe("TCP connection", () => {
  it("answers requests that arrive byte by byte, and requests that are joined", async () => {
    const client = await connectTcp(await startService());
    const login = await tcpFrame(1001, 7, initConnectBody());
    for (const byte of login) client.sendRaw(Uint8Array.of(byte));
    expect((await client.reply(7)).command).toBe(1001);
    client.sendRaw(await twoRequests());
    expect((await client.reply(2)).command).toBe(3249);
    expect((await client.reply(1)).command).toBe(1004);
  });

  it("answers a login and a call in one message", async () => {
    const client = await connectTcp(await startService());
    const login = await tcpFrame(1001, 1, initConnectBody());
    client.sendRaw(joined(login, await tcpFrame(3249, 2, callBody("NEWLY"))));
    expect(refusalOf((await client.reply(2)).body).s2c?.usItemList).toHaveLength(3);
  });

  it("answers a frame of 64 KiB, and closes at a header that announces more", async () => {
    const client = await connectTcpAndLogIn(await startService());
    const reply = await client.request(7, new Uint8Array(MAX_FRAME_BYTES - 44));
    expect(refusalOf(reply.body).retMsg).toContain("3249");
    client.sendRaw(await tcpFrame(3249, 9, new Uint8Array(), { length: MAX_FRAME_BYTES - 43 }));
    expect(await client.closed).toBe(1009);
  });

  it("closes before the login at a header that announces more than 8 KiB", async () => {
    const client = await connectTcp(await startService());
    client.sendRaw(await tcpFrame(1001, 9, new Uint8Array(), { length: 8_192 - 43 }));
    expect(await client.closed).toBe(1009);
  });

  it("reads small frames in a message of 64 KiB before the login", async () => {
    const client = await connectTcp(await startService());
    const login = await tcpFrame(1001, 1, initConnectBody());
    const large = await Promise.all(
      Array.from({ length: 9 }, (_, at) => tcpFrame(7, 2 + at, new Uint8Array(7_000))),
    );
    client.sendRaw(joined(login, ...large));
    expect(refusalOf((await client.reply(10)).body).retMsg).toContain("3249");
  });

  it("refuses a body with a wrong SHA-1, and stays open", async () => {
    const service = await startService();
    const client = await connectTcpAndLogIn(service);
    const reply = await client.request(3249, callBody("AAPL"), { sha1: new Uint8Array(20) });
    expect(refusalOf(reply.body)).toMatchObject({ retType: -1, retMsg: expect.stringContaining("SHA-1") });
    expect((await client.page("NEWLY")).retType).toBe(0);
    expect((await service.opend.stats()).calls).toBe(1);
  });

  it.each([
    ["JSON", 1],
    ["an unknown format", 2],
  ])("refuses a request in %s with a reply in protobuf, and stays open", async (_, format) => {
    const client = await connectTcp(await startService());
    const reply = await client.request(1001, new TextEncoder().encode("{}"), { format });
    expect(reply.format).toBe(0);
    expect(refusalOf(reply.body)).toMatchObject({
      retType: -1,
      retMsg: "Only the protobuf format is available, JSON is not",
    });
    expect((await client.logIn()).retType).toBe(0);
  });

  it.each([
    ["another signature", new Uint8Array(44), 1002],
    ["text", "hello", 1003],
  ])("answers earlier requests, and closes at %s", async (_, data, code) => {
    const client = await connectTcpAndLogIn(await startService());
    const call = await tcpFrame(3249, 5, callBody("NEWLY"));
    if (typeof data === "string") {
      client.sendRaw(call);
      client.sendRaw(data);
    } else client.sendRaw(joined(call, data));
    expect(await client.closed).toBe(code);
    expect(refusalOf((await client.reply(5)).body).retType).toBe(0);
  });

  it("refuses the 33rd request in flight of one message, and closes when all are answered", async () => {
    const service = await startService({ delayMs: [200, 200] }, { SUBREQUEST_LIMIT: "10000" });
    const client = await connectTcpAndLogIn(service);
    const serials = Array.from({ length: 33 }, (_, index) => 100 + index);
    const calls = await Promise.all(serials.map((serial) => tcpFrame(3249, serial, callBody("AAPL"))));
    client.sendRaw(joined(...calls));
    const replies = await Promise.all(serials.map((serial) => client.reply(serial)));
    const types = replies.map(({ body }) => refusalOf(body).retType);
    expect(types).toEqual([...Array.from({ length: 32 }, () => 0), -1]);
    expect(await client.closed).toBe(1008);
  });
});

describe("TCP connection that sends pieces of a frame", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  function serve(limits: Partial<SocketLimits> = {}): TcpClient {
    const { 0: socket, 1: server } = new WebSocketPair();
    const handler = {
      handle: async () => ({ body: new Uint8Array(4), loggedIn: true }),
      refuse: () => ({ body: new Uint8Array() }),
      hasCapacity: () => true,
    };
    serveConnection(server, createTcpFraming(), handler, { ...SOCKET_LIMITS, ...limits }, () => {});
    return new TcpClient(socket);
  }

  it("is closed 10 s after the upgrade", async () => {
    vi.useFakeTimers();
    const client = serve();
    const frame = await tcpFrame(1001, 1);
    for (const byte of frame.slice(0, 9)) {
      client.sendRaw(Uint8Array.of(byte));
      vi.advanceTimersByTime(1_000);
    }
    vi.advanceTimersByTime(1_000);
    expect(await client.closed).toBe(1008);
  });

  it("is closed 60 s after its last complete frame", async () => {
    vi.useFakeTimers();
    const client = serve();
    await client.request(1001);
    const frame = await tcpFrame(1004, 2);
    for (const byte of frame.slice(0, 6)) {
      vi.advanceTimersByTime(10_000);
      client.sendRaw(Uint8Array.of(byte));
    }
    vi.advanceTimersByTime(1_000);
    expect(await client.closed).toBe(1000);
  });
});
