import { once } from "node:events";
import type { Socket } from "node:net";
import { afterEach, expect, it, vi } from "vitest";
import type { WebSocket } from "ws";
import { bytesOf, endBridges, FAST_TIMERS, startBridge } from "../support/bridge-process.ts";
import { endEdges, startEdge } from "../support/edge-stand-in.ts";

afterEach(endBridges);
afterEach(endEdges);

const KEY = "si_key-of-the-bridge";

/** Larger than the buffers of the kernel on both hops, in bytes. */
const MUCH = 32 * 1_024 * 1_024;
const CHUNK_BYTES = 64 * 1_024;

const echo = (socket: WebSocket) => socket.on("message", (data) => socket.send(data));

/** Bytes that differ from place to place. */
const pattern = (bytes: number) =>
  Buffer.alloc(bytes, Buffer.from(Uint8Array.from({ length: 251 }, (_, n) => n)));

/** Waits for a number of bytes, and returns them. */
async function receive(program: Socket, bytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let received = 0;
  const onData = (chunk: Buffer) => {
    chunks.push(chunk);
    received += chunk.length;
  };
  program.on("data", onData);
  await vi.waitFor(() => expect(received).toBeGreaterThanOrEqual(bytes), 20_000);
  program.off("data", onData);
  return Buffer.concat(chunks);
}

/** One byte to the service and back, several times: the bridge had as many turns to read from its other connections. */
async function roundTrips(program: Socket, count: number): Promise<void> {
  for (let trip = 0; trip < count; trip += 1) {
    program.write("x");
    await once(program, "data");
  }
}

it("The bridge forwards split and joined bytes both ways, with the key in X-API-Key and not in the output", async () => {
  const edge = await startEdge(echo);
  const bridge = await startBridge(`${edge.origin}/`, { API_KEY: KEY });
  const program = await bridge.connect();
  const sent = pattern(100_000);
  const received = receive(program, sent.length);
  for (let at = 0; at < 1_000; at += 1) program.write(sent.subarray(at, at + 1));
  program.write(sent.subarray(1_000));
  expect((await received).equals(sent)).toBe(true);
  const [upgrade] = edge.upgrades;
  expect([upgrade?.url, upgrade?.headers["x-api-key"]]).toEqual(["/tcp", KEY]);
  expect(bridge.printed.text).toBe(`Bridge: 127.0.0.1:${bridge.port} to ${edge.origin}/tcp\n`);
});

it("The bridge sends no key without API_KEY", async () => {
  const edge = await startEdge(echo);
  const bridge = await startBridge(edge.origin);
  await roundTrips(await bridge.connect(), 1);
  expect(edge.upgrades[0]?.headers).not.toHaveProperty("x-api-key");
});

it("The bridge keeps the order of bytes that a program sends before the handshake ends", async () => {
  const accepted: (() => void)[] = [];
  const edge = await startEdge(echo, (_, __, accept) => accepted.push(accept));
  const bridge = await startBridge(edge.origin);
  const program = await bridge.connect();
  const sent = pattern(1_000_000);
  for (let at = 0; at < sent.length; at += 999) program.write(sent.subarray(at, at + 999));
  const received = receive(program, sent.length);
  await vi.waitFor(() => expect(accepted).toHaveLength(1));
  accepted[0]?.();
  expect((await received).equals(sent)).toBe(true);
});

it("The bridge stops reading from a program while the service does not read", {
  timeout: 60_000,
}, async () => {
  const sockets: WebSocket[] = [];
  const edge = await startEdge((socket) => sockets.push(socket));
  const bridge = await startBridge(edge.origin);
  const program = await bridge.connect();
  await vi.waitFor(() => expect(sockets).toHaveLength(1));
  const [slow] = sockets;
  slow?.pause();
  const sent = pattern(MUCH);
  program.write(sent);
  const other = await bridge.connect();
  await vi.waitFor(() => expect(sockets).toHaveLength(2));
  if (sockets[1]) echo(sockets[1]);
  await roundTrips(other, MUCH / CHUNK_BYTES);
  // Otherwise the bridge would have read everything by now.
  expect(program.writableLength).toBeGreaterThan(0);
  const received: Uint8Array[] = [];
  slow?.on("message", (data: Buffer) => received.push(data));
  slow?.resume();
  program.end();
  if (slow) await once(slow, "close");
  expect(Buffer.concat(received).equals(sent)).toBe(true);
});

it("The bridge stops reading from the service while a program does not read", {
  timeout: 60_000,
}, async () => {
  const sockets: WebSocket[] = [];
  const edge = await startEdge((socket) => sockets.push(socket));
  const bridge = await startBridge(edge.origin);
  const program = await bridge.connect();
  await vi.waitFor(() => expect(sockets).toHaveLength(1));
  const [source] = sockets;
  const sent = pattern(MUCH);
  for (let at = 0; at < MUCH; at += CHUNK_BYTES) source?.send(sent.subarray(at, at + CHUNK_BYTES));
  // The program gets all of it nevertheless.
  source?.close();
  const other = await bridge.connect();
  await vi.waitFor(() => expect(sockets).toHaveLength(2));
  if (sockets[1]) echo(sockets[1]);
  await roundTrips(other, MUCH / CHUNK_BYTES);
  expect(source?.bufferedAmount).toBeGreaterThan(0);
  expect((await bytesOf(program)).equals(sent)).toBe(true);
});

it("The bridge keeps 30 connections at once apart", async () => {
  const edge = await startEdge(echo);
  const bridge = await startBridge(edge.origin);
  const replies = await Promise.all(
    Array.from({ length: 30 }, async (_, number) => {
      const program = await bridge.connect();
      const text = `connection ${number}, `.repeat(1_000);
      program.write(text);
      return (await receive(program, text.length)).toString() === text;
    }),
  );
  expect(replies).toEqual(replies.map(() => true));
  expect(edge.sockets.size).toBe(30);
});

it("The end of a program closes the WebSocket after the last reply", async () => {
  const closed = vi.fn();
  const edge = await startEdge((socket) => echo(socket).on("close", closed));
  const bridge = await startBridge(edge.origin);
  const program = await bridge.connect({ allowHalfOpen: true });
  program.end("last request");
  expect((await bytesOf(program)).toString()).toBe("last request");
  await vi.waitFor(() => expect(closed).toHaveBeenCalledWith(1005, expect.anything()));
  expect(bridge.failures()).toBe("");
});

it("A program that ends is disconnected 30 s later if the service does not answer", async () => {
  const edge = await startEdge((socket) => socket.pause());
  const bridge = await startBridge(edge.origin, FAST_TIMERS);
  const program = await bridge.connect({ allowHalfOpen: true });
  await vi.waitFor(() => expect(edge.sockets.size).toBe(1));
  program.end();
  await bytesOf(program);
  expect(bridge.failures()).toBe("");
});

it("The reset of a program ends the WebSocket, before the handshake too", async () => {
  const closed = vi.fn();
  let isHeld = false;
  const edge = await startEdge(
    (socket) => socket.on("close", closed),
    (_, socket, accept) => {
      if (isHeld) socket.on("end", closed).resume();
      else accept();
    },
  );
  const bridge = await startBridge(edge.origin);
  const program = await bridge.connect();
  await vi.waitFor(() => expect(edge.sockets.size).toBe(1));
  program.resetAndDestroy();
  await vi.waitFor(() => expect(closed).toHaveBeenCalledTimes(1));
  isHeld = true;
  const early = await bridge.connect();
  await vi.waitFor(() => expect(edge.upgrades).toHaveLength(2));
  early.resetAndDestroy();
  await vi.waitFor(() => expect(closed).toHaveBeenCalledTimes(2));
  expect(bridge.failures()).toBe("");
});

it.each([
  ["code 1000", "", (socket: WebSocket) => socket.close(1000)],
  ["no code", "", (socket: WebSocket) => socket.close()],
  ["code 1008", "code 1008 limit reached", (socket: WebSocket) => socket.close(1008, "limit\u001breached")],
  ["no close frame", "code 1006", (socket: WebSocket) => socket.terminate()],
])(
  "A close of the service with %s ends the program's connection, also if the program goes on",
  async (_, text, end) => {
    const edge = await startEdge((socket) => {
      socket.on("message", (data) => socket.send(data, () => end(socket)));
    });
    const bridge = await startBridge(edge.origin);
    const program = await bridge.connect({ allowHalfOpen: true });
    // A half-open connection would take these bytes forever. A closed one resets.
    const goOn = () => {
      if (program.writable) program.write("x", () => setImmediate(goOn));
    };
    program.on("end", goOn);
    program.write("request");
    expect((await bytesOf(program)).toString()).toBe("request");
    await vi.waitFor(() => expect(bridge.failures()).toBe(text && `Bridge: connection closed: ${text}\n`));
  },
);

it("Messages of the service over 1 MiB end the connection", async () => {
  const edge = await startEdge((socket) => socket.send(Buffer.alloc(1_048_577)));
  const bridge = await startBridge(edge.origin);
  await bytesOf(await bridge.connect());
  const line = "Bridge: connection closed: Max payload size exceeded\n";
  await vi.waitFor(() => expect(bridge.failures()).toBe(line));
});
