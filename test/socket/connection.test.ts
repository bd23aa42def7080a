import { afterEach, expect, it, vi } from "vitest";
import { SOCKET_LIMITS, type SocketLimits, serveConnection } from "../../functions/socket/connection.ts";
import { TestClient } from "./support.ts";

/** The limits of a connection that take long to reach, with shorter ones. */
function connect(limits: Partial<SocketLimits>, answer = async () => ({ body: new Uint8Array(1_000) })) {
  const { 0: client, 1: server } = new WebSocketPair();
  const answerer = { answer, refuse: () => ({ body: new Uint8Array() }), hasRoom: () => true };
  serveConnection(server, answerer, { ...SOCKET_LIMITS, ...limits });
  return new TestClient(client);
}

afterEach(() => {
  vi.useRealTimers();
});

it("ends when nothing is asked for a minute, and not before", async () => {
  vi.useFakeTimers();
  const client = connect({});
  for (let asked = 0; asked < 3; asked += 1) {
    await client.reply(client.send(1004, new Uint8Array()));
    vi.advanceTimersByTime(59_999);
  }
  await client.reply(client.send(1004, new Uint8Array()));
  vi.advanceTimersByTime(60_000);
  // Somebody who asks just then is told.
  expect((await client.reply(client.send(1004, new Uint8Array()))).body).toHaveLength(0);
  vi.advanceTimersByTime(1_000);
  expect(await client.closed).toBe(1000);
});

it("ends when it has sent as much as may wait for a client that does not read, and says so to the rest", async () => {
  const client = connect({ sentBytes: 10_000, lingerMs: 50 });
  const sections = Array.from({ length: 30 }, () => client.send(1004, new Uint8Array()));
  const replies = await Promise.all(sections.map((section) => client.reply(section)));
  expect(replies.map(({ body }) => body.length)).toEqual([
    ...Array.from({ length: 10 }, () => 1_000),
    ...Array.from({ length: 20 }, () => 0),
  ]);
  expect(await client.closed).toBe(1000);
});

it("does not go on for ever saying no", async () => {
  vi.useFakeTimers();
  const client = connect({ sentBytes: 1 });
  for (let asked = 0; asked < 9; asked += 1) {
    await client.reply(client.send(1004, new Uint8Array()));
    vi.advanceTimersByTime(600);
  }
  expect(await client.closed).toBe(1000);
});

it("waits for what is under way before it ends", async () => {
  vi.useFakeTimers();
  let answerNow = () => {};
  const asked = new Promise<void>((resolve) => {
    answerNow = resolve;
  });
  const client = connect({}, async () => {
    vi.advanceTimersByTime(60_000);
    await asked;
    return { body: new Uint8Array(7) };
  });
  const section = client.send(1004, new Uint8Array());
  const late = client.send(1004, new Uint8Array());
  expect((await client.reply(late)).body).toHaveLength(0);
  answerNow();
  expect((await client.reply(section)).body).toHaveLength(7);
  vi.advanceTimersByTime(1_000);
  expect(await client.closed).toBe(1000);
});
