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
  expect(await client.closed).toBe(1000);
});

it("ends when it has sent as much as may wait for a client that does not read", async () => {
  const client = connect({ sentBytes: 10_000 });
  for (let asked = 0; asked < 30; asked += 1) client.send(1004, new Uint8Array());
  expect(await client.closed).toBe(1000);
  const bytes = client.replies.reduce((sum, { body }) => sum + body.length + 44, 0);
  expect(bytes).toBeGreaterThanOrEqual(10_000);
  expect(bytes).toBeLessThan(13_000);
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
  expect(await client.closed).toBe(1000);
});
