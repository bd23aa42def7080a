import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { encodeRequest } from "../../functions/opend/frame.ts";
import { encodePageRequest, GET_SHORT_INTEREST } from "../../functions/opend/short-interest.ts";
import { peakResidentKiB, residentKiB } from "../bench/memory.ts";
import { startOpend } from "../stand-ins/opend.ts";
import { startRedis } from "../stand-ins/redis.ts";
import { startUpstash } from "../stand-ins/upstash.ts";
import { frameOf, openRawSocket, type RawSocket, TEXT } from "../support/raw-socket.ts";
import { bundledWorker, startWorkerd, type Workerd } from "../support/workerd.ts";

/** What clients of OpenD's protocol can make workerd hold in memory. */

const MIB = 1_024 * 1_024;
const MOST_MIB = 150;
const MOST_MS = 2_000;
const TOO_LONG = 1009;

const REMOTES = {
  OPEND_URL: "ws://127.0.0.1:9",
  UPSTASH_REDIS_REST_URL: "http://127.0.0.1:9",
  UPSTASH_REDIS_REST_TOKEN: "token",
};
const request = (command: number, length = 0) =>
  encodeRequest({ command, section: 1n, body: new Uint8Array(length) });
const LOGIN = frameOf(request(1));
const KEEP_ALIVE = frameOf(request(1004));
const LARGE = request(1, 8 * MIB);
const LETTERS = new Uint8Array(8 * MIB).fill(97);

let script: string;
let idleWorker: Workerd;
let idle: RawSocket;
let idleSince: number;

async function started(vars: Readonly<Record<string, string>> = REMOTES): Promise<Workerd> {
  const workerd = await startWorkerd({ main: { script, vars } }, { quiet: true });
  await fetch(`${workerd.originOf("main")}/healthz`);
  return workerd;
}

beforeAll(async () => {
  script = await bundledWorker();
  // It closes while the other tests run.
  idleWorker = await started();
  idle = await openRawSocket(idleWorker.originOf("main"));
  idleSince = performance.now();
}, 60_000);

afterAll(async () => {
  idle?.destroy();
  await idleWorker?.close();
});

/** Opens connections, and has all send the same. Memory is in MiB, and beyond that of an idle workerd. */
async function flood(connections: number, send: (socket: RawSocket) => Promise<void>) {
  const workerd = await started();
  const sockets: RawSocket[] = [];
  try {
    const before = residentKiB(workerd.pid);
    const beyond = (kib: number) => (kib - before) / 1_024;
    const origin = workerd.originOf("main");
    sockets.push(...(await Promise.all(Array.from({ length: connections }, () => openRawSocket(origin)))));
    const closed = Promise.all(sockets.map((socket) => send(socket).then(() => socket.closed)));
    const isClosed = await Promise.race([closed.then(() => true), setTimeout(MOST_MS, false)]);
    return {
      isClosed,
      peak: beyond(peakResidentKiB(workerd.pid)),
      left: beyond(residentKiB(workerd.pid)),
    };
  } finally {
    for (const socket of sockets) socket.destroy();
    await workerd.close();
  }
}

it("no compression is negotiated", async () => {
  const { head, destroy } = await openRawSocket(idleWorker.originOf("main"));
  expect(head).toMatch(/^HTTP\/1\.1 101 /);
  expect(head).not.toMatch(/^sec-websocket-extensions:/im);
  destroy();
});

describe("40 frames of 8 MiB close the connection within 2 s, and cost less than 150 MiB", () => {
  it.each([
    ["compressed", undefined, frameOf(LARGE, { compress: true })],
    ["not compressed", undefined, frameOf(LARGE)],
    ["of text", undefined, frameOf(LETTERS, { opcode: TEXT })],
    ["after a refusal", KEEP_ALIVE, frameOf(LARGE)],
    ["after a login", LOGIN, frameOf(LARGE)],
  ])("%s", async (_, first, frame) => {
    const { isClosed, peak } = await flood(1, async (socket) => {
      if (first) await socket.send(first);
      await socket.send(frame, 40);
    });
    expect(peak).toBeLessThan(MOST_MIB);
    expect(isClosed).toBe(true);
  });

  it("compressed, on each of 40 connections", async () => {
    const frame = frameOf(LARGE, { compress: true });
    const { isClosed, peak } = await flood(40, (socket) => socket.send(frame, 40));
    expect(peak).toBeLessThan(MOST_MIB);
    expect(isClosed).toBe(true);
  });
});

it("40 connections with 4 frames of 8 MiB cost one frame each while they send, and nothing after", async () => {
  const frame = frameOf(LARGE);
  const { isClosed, peak, left } = await flood(40, (socket) => socket.send(frame, 4));
  // The runtime holds a frame before the Worker can see its size.
  expect(peak).toBeLessThan(40 * 8 + MOST_MIB);
  expect(left).toBeLessThan(MOST_MIB);
  expect(isClosed).toBe(true);
});

it("a call goes on when its connection is closed at a frame that is too long", async () => {
  const redis = await startRedis();
  const opend = await startOpend({ delayMs: [500, 500] });
  const upstash = await startUpstash(await redis.open());
  const { url: UPSTASH_REDIS_REST_URL, token: UPSTASH_REDIS_REST_TOKEN } = upstash;
  const workerd = await started({ OPEND_URL: opend.url, UPSTASH_REDIS_REST_URL, UPSTASH_REDIS_REST_TOKEN });
  try {
    const socket = await openRawSocket(workerd.originOf("main"));
    await socket.send(LOGIN);
    const body = encodePageRequest({ symbol: { market: "US", code: "AAPL" }, cursor: "", num: 10 });
    await socket.send(frameOf(encodeRequest({ command: GET_SHORT_INTEREST, section: 2n, body })));
    await vi.waitFor(() => expect(opend.stats().calls).toBe(1), 10_000);
    const joined = fetch(`${workerd.originOf("main")}/v1/short-interest/US.AAPL`);
    await socket.send(frameOf(LARGE));
    expect(await socket.closed).toBe(TOO_LONG);
    expect((await joined).status).toBe(200);
    expect(opend.stats().calls).toBe(1);
    await vi.waitFor(() => expect(opend.stats().connections).toBe(0));
  } finally {
    for (const each of [workerd, upstash, opend, redis]) await each.close();
  }
});

it("connection that sends nothing and ignores the close frame is closed 11 s after the upgrade", async () => {
  expect(await idle.closed).toBe(1008);
  const ms = performance.now() - idleSince;
  expect(ms).toBeGreaterThan(10_500);
  expect(ms).toBeLessThan(15_000);
});
