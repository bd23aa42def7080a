import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { encodeRequest } from "../../functions/opend/frame.ts";
import { encodePageRequest, GET_SHORT_INTEREST } from "../../functions/opend/short-interest.ts";
import { peakResidentKiB, residentKiB } from "../bench/memory.ts";
import { startOpend } from "../stand-ins/opend.ts";
import { startRedis } from "../stand-ins/redis.ts";
import { startUpstash } from "../stand-ins/upstash.ts";
import { PUBLIC } from "../support/public-access.ts";
import { frameOf, openRawSocket, type RawSocket, TEXT } from "../support/raw-socket.ts";
import { SHORT_LOGIN_MS } from "../support/short-login.ts";
import { control } from "../support/stand-ins.ts";
import { startWorkerd, type Workerd } from "../support/workerd.ts";

/** Limits for the memory of workerd while clients of OpenD's protocol send large frames. */

const MIB = 1_024 * 1_024;
const MAX_MIB = 150;
const MAX_MS = 2_000;
const MESSAGE_TOO_BIG = 1009;

const REMOTES = {
  ...PUBLIC,
  OPEND_URL: "ws://127.0.0.1:9",
  UPSTASH_REDIS_REST_URL: "http://127.0.0.1:9",
  UPSTASH_REDIS_REST_TOKEN: "token",
};
const request = (command: number, length = 0) =>
  encodeRequest({ command, section: 1n, body: new Uint8Array(length) });
const LOGIN = frameOf(request(1));
const KEEP_ALIVE = frameOf(request(1004));
const LARGE = request(1, 8 * MIB);
const LONG_TEXT = new Uint8Array(8 * MIB).fill(97);

let script: string;
let idleWorker: Workerd;
let idle: RawSocket;
let idleSince: number;

async function startWorker(
  vars: Readonly<Record<string, string>> = REMOTES,
  main = script,
): Promise<Workerd> {
  const workerd = await startWorkerd({ main: { script: main, vars } }, { quiet: true });
  await fetch(`${workerd.originOf("main")}/healthz`);
  return workerd;
}

beforeAll(async () => {
  script = await control.bundle("worker");
  // Its deadline elapses while the other tests run.
  idleWorker = await startWorker(REMOTES, await control.bundle("short-deadlines"));
  idle = await openRawSocket(idleWorker.originOf("main"));
  idleSince = performance.now();
}, 60_000);

afterAll(async () => {
  idle?.destroy();
  await idleWorker?.close();
});

/** Opens connections that all run `send`. The results are MiB beyond the memory of an idle workerd. */
async function flood(connections: number, send: (socket: RawSocket) => Promise<void>, path = "/") {
  const workerd = await startWorker();
  const sockets: RawSocket[] = [];
  try {
    const idleKib = residentKiB(workerd.pid);
    const growthMib = (kib: number) => (kib - idleKib) / 1_024;
    const origin = workerd.originOf("main");
    const opening = Array.from({ length: connections }, () => openRawSocket(origin, path));
    sockets.push(...(await Promise.all(opening)));
    const closed = Promise.all(sockets.map((socket) => send(socket).then(() => socket.closed)));
    const isClosed = await Promise.race([closed.then(() => true), setTimeout(MAX_MS, false)]);
    return {
      isClosed,
      peakMib: growthMib(peakResidentKiB(workerd.pid)),
      finalMib: growthMib(residentKiB(workerd.pid)),
    };
  } finally {
    for (const socket of sockets) socket.destroy();
    await workerd.close();
  }
}

it("Worker negotiates no WebSocket compression", async () => {
  const workerd = await startWorker();
  const { head, destroy } = await openRawSocket(workerd.originOf("main"));
  expect(head).toMatch(/^HTTP\/1\.1 101 /);
  expect(head).not.toMatch(/^sec-websocket-extensions:/im);
  destroy();
  await workerd.close();
});

describe("40 frames of 8 MiB close the connection within 2 s and take less than 150 MiB of memory", () => {
  it.each([
    ["compressed", undefined, frameOf(LARGE, { compress: true })],
    ["uncompressed", undefined, frameOf(LARGE)],
    ["text frames", undefined, frameOf(LONG_TEXT, { opcode: TEXT })],
    ["after an unauthenticated request", KEEP_ALIVE, frameOf(LARGE)],
    ["after a login", LOGIN, frameOf(LARGE)],
  ])("%s", async (_, first, frame) => {
    const { isClosed, peakMib } = await flood(1, async (socket) => {
      if (first) await socket.send(first);
      await socket.send(frame, 40);
    });
    expect(peakMib).toBeLessThan(MAX_MIB);
    expect(isClosed).toBe(true);
  });

  it("to /tcp", async () => {
    const { isClosed, peakMib } = await flood(1, (socket) => socket.send(frameOf(LARGE), 40), "/tcp");
    expect(peakMib).toBeLessThan(MAX_MIB);
    expect(isClosed).toBe(true);
  });

  it("compressed, on 40 connections", async () => {
    const frame = frameOf(LARGE, { compress: true });
    const { isClosed, peakMib } = await flood(40, (socket) => socket.send(frame, 40));
    expect(peakMib).toBeLessThan(MAX_MIB);
    expect(isClosed).toBe(true);
  });
});

it("40 connections with 4 frames of 8 MiB take the memory of one frame per connection, and release it", async () => {
  const frame = frameOf(LARGE);
  const { isClosed, peakMib, finalMib } = await flood(40, (socket) => socket.send(frame, 4));
  // The runtime buffers a whole frame before the Worker can check its size.
  expect(peakMib).toBeLessThan(40 * 8 + MAX_MIB);
  expect(finalMib).toBeLessThan(MAX_MIB);
  expect(isClosed).toBe(true);
});

it("a call completes although its connection is closed because of a frame that is too large", async () => {
  const redis = await startRedis();
  const opend = await startOpend({ delayMs: [500, 500] });
  const upstash = await startUpstash(await redis.open());
  const { url: UPSTASH_REDIS_REST_URL, token: UPSTASH_REDIS_REST_TOKEN } = upstash;
  const workerd = await startWorker({
    ...PUBLIC,
    OPEND_URL: opend.url,
    UPSTASH_REDIS_REST_URL,
    UPSTASH_REDIS_REST_TOKEN,
  });
  try {
    const socket = await openRawSocket(workerd.originOf("main"));
    await socket.send(LOGIN);
    const body = encodePageRequest({ symbol: { market: "US", code: "AAPL" }, cursor: "", num: 10 });
    await socket.send(frameOf(encodeRequest({ command: GET_SHORT_INTEREST, section: 2n, body })));
    await vi.waitFor(() => expect(opend.stats().calls).toBe(1), 10_000);
    const coalesced = fetch(`${workerd.originOf("main")}/v1/short-interest/US.AAPL`);
    await socket.send(frameOf(LARGE));
    expect(await socket.closed).toBe(MESSAGE_TOO_BIG);
    expect((await coalesced).status).toBe(200);
    expect(opend.stats().calls).toBe(1);
    await vi.waitFor(() => expect(opend.stats().connections).toBe(0));
  } finally {
    for (const resource of [workerd, upstash, opend, redis]) await resource.close();
  }
});

it("connection that sends nothing and ignores the close frame is closed 1 s after the deadline of its login", async () => {
  expect(await idle.closed).toBe(1008);
  const elapsedMs = performance.now() - idleSince - SHORT_LOGIN_MS;
  expect(elapsedMs).toBeGreaterThan(500);
  expect(elapsedMs).toBeLessThan(5_000);
});
