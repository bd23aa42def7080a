import { afterEach, describe, expect, it, vi } from "vitest";
import {
  type CommandHandler,
  SOCKET_LIMITS,
  type SocketLimits,
  serveConnection,
} from "../../functions/opend-server/connection.ts";
import { websocketFraming } from "../../functions/opend-server/websocket-framing.ts";
import { TestClient } from "./support.ts";

const LOGIN = 1;
const KEEP_ALIVE = 1004;

const accepted: CommandHandler["handle"] = async () => ({ body: new Uint8Array(1_000), loggedIn: true });
const rejected: CommandHandler["handle"] = async () => ({ body: new Uint8Array(1_000) });

/** Serves one end of a connection. Every request logs in by default; a refused request gets an empty body. */
function serve(limits: Partial<SocketLimits> = {}, handle = accepted) {
  const { 0: socket, 1: server } = new WebSocketPair();
  const handler = { handle, refuse: () => ({ body: new Uint8Array() }), hasCapacity: () => true };
  const release = vi.fn();
  serveConnection(server, websocketFraming, handler, { ...SOCKET_LIMITS, ...limits }, release);
  return { socket, release };
}

async function connectAndLogIn(...args: Parameters<typeof serve>): Promise<TestClient> {
  const client = new TestClient(serve(...args).socket);
  await client.request(LOGIN);
  return client;
}

afterEach(() => {
  vi.useRealTimers();
});

it("connection closes after 60 s without a frame", async () => {
  vi.useFakeTimers();
  const client = await connectAndLogIn();
  for (let count = 0; count < 3; count += 1) {
    await client.request(KEEP_ALIVE);
    vi.advanceTimersByTime(59_999);
  }
  await client.request(KEEP_ALIVE);
  vi.advanceTimersByTime(60_000);
  // A request that arrives now is refused.
  expect((await client.request(KEEP_ALIVE)).body).toHaveLength(0);
  vi.advanceTimersByTime(1_000);
  expect(await client.closed).toBe(1000);
});

it("connection closes after its limit of reply bytes, and refuses the remaining requests", async () => {
  const client = await connectAndLogIn({ sentBytes: 11_000, lingerMs: 50 });
  const sections = Array.from({ length: 30 }, () => client.send(KEEP_ALIVE, new Uint8Array()));
  const replies = await Promise.all(sections.map((section) => client.reply(section)));
  expect(replies.map(({ body }) => body.length)).toEqual([
    ...Array.from({ length: 10 }, () => 1_000),
    ...Array.from({ length: 20 }, () => 0),
  ]);
  expect(await client.closed).toBe(1000);
});

it("closing connection refuses requests for at most 5 s", async () => {
  vi.useFakeTimers();
  const client = await connectAndLogIn({ sentBytes: 1 });
  for (let count = 0; count < 9; count += 1) {
    await client.request(KEEP_ALIVE);
    vi.advanceTimersByTime(600);
  }
  expect(await client.closed).toBe(1000);
});

it("closing connection refuses at most 256 requests", async () => {
  const client = await connectAndLogIn({ sentBytes: 1 });
  for (let count = 0; count < 300; count += 1) client.send(KEEP_ALIVE, new Uint8Array());
  expect(await client.closed).toBe(1000);
  expect(client.replies.filter(({ body }) => body.length === 0)).toHaveLength(256);
});

it("closing connection answers requests in flight before the close frame", async () => {
  vi.useFakeTimers();
  const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
  const client = await connectAndLogIn({}, async (request) => {
    if (request.command === LOGIN) return accepted(request);
    vi.advanceTimersByTime(60_000);
    await answered;
    return { body: new Uint8Array(7) };
  });
  const section = client.send(KEEP_ALIVE, new Uint8Array());
  expect((await client.request(KEEP_ALIVE)).body).toHaveLength(0);
  answer();
  expect((await client.reply(section)).body).toHaveLength(7);
  vi.advanceTimersByTime(1_000);
  expect(await client.closed).toBe(1000);
});

describe("limits before a login", () => {
  it("connection without a login closes 10 s after the upgrade, even if it sends frames", async () => {
    vi.useFakeTimers();
    const client = new TestClient(serve({}, rejected).socket);
    for (let second = 0; second < 9; second += 1) {
      await client.request(LOGIN);
      vi.advanceTimersByTime(1_000);
    }
    vi.advanceTimersByTime(999);
    expect((await client.request(LOGIN)).body).toHaveLength(1_000);
    vi.advanceTimersByTime(1);
    expect(await client.closed).toBe(1008);
  });

  it("connection without a login closes at frame 33", async () => {
    const client = new TestClient(serve({}, rejected).socket);
    for (let frame = 0; frame < 32; frame += 1) {
      expect((await client.request(LOGIN)).body).toHaveLength(1_000);
    }
    expect((await client.request(LOGIN)).body).toHaveLength(0);
    expect(await client.closed).toBe(1008);
  });

  it("frame of 8 KiB is answered before a login", async () => {
    const client = new TestClient(serve({}, rejected).socket);
    expect((await client.request(LOGIN, new Uint8Array(8_192 - 20))).body).toHaveLength(1_000);
  });
});

describe("connection whose peer does not answer the close frame", () => {
  /** Lets the connection close. With `allowHalfOpen` the runtime answers no close frame by itself. */
  async function closed(login: boolean) {
    vi.useFakeTimers();
    const { socket, release } = serve();
    const client = new TestClient(socket, { allowHalfOpen: true });
    if (login) {
      await client.request(LOGIN);
      vi.advanceTimersByTime(SOCKET_LIMITS.idleMs + SOCKET_LIMITS.lingerMs);
    } else vi.advanceTimersByTime(SOCKET_LIMITS.loginMs);
    await client.closed;
    return { client, release };
  }

  it.each([
    [1_000, "before a login", false],
    [20_000, "after a login", true],
  ])("is released after %i ms %s", async (ms, _, login) => {
    const { release } = await closed(login);
    vi.advanceTimersByTime(ms - 1);
    expect(release).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(release).toHaveBeenCalledOnce();
  });

  it("is not released after a close frame from the peer", async () => {
    const { client, release } = await closed(false);
    client.close();
    await vi.waitFor(() => expect(vi.getTimerCount()).toBe(0));
    vi.advanceTimersByTime(60_000);
    expect(release).not.toHaveBeenCalled();
  });
});
