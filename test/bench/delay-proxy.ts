import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A TCP proxy that adds latency. */
export interface DelayProxy {
  /** The URL that replaces that of the target. */
  readonly url: string;
  /** Sets the time that a round trip takes longer, in milliseconds. */
  readonly set: (roundTripMs: number) => void;
  readonly close: () => Promise<void>;
}

/**
 * Starts a TCP proxy that delays data by half of the round trip in each direction. A new connection is first
 * delayed by a whole round trip, like TCP's handshake.
 */
export async function startDelayProxy(target: string): Promise<DelayProxy> {
  const { protocol, hostname, port } = new URL(target);
  let roundTripMs = 0;
  const sockets = new Set<Socket>();
  const timers = new Set<NodeJS.Timeout>();

  function waitUntil(time: number): Promise<void> {
    const waitMs = time - performance.now();
    if (waitMs <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        timers.delete(timer);
        resolve();
      }, waitMs);
      timers.add(timer);
    });
  }

  function forward(from: Socket, to: Socket, readyAt: number): void {
    let previous = Promise.resolve();
    // A chain, because timers can fire out of order.
    const schedule = (work: () => void) => {
      const dueAt = Math.max(performance.now() + roundTripMs / 2, readyAt);
      previous = previous.then(() => waitUntil(dueAt)).then(work);
    };
    from.on("data", (bytes: Buffer) => schedule(() => to.write(bytes)));
    from.on("end", () => schedule(() => to.end()));
    from.on("error", () => to.destroy());
    from.on("close", () => schedule(() => to.destroy()));
  }

  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true);
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
    }
    // The handshake, then half a round trip for the first data.
    forward(client, upstream, performance.now() + 1.5 * roundTripMs);
    forward(upstream, client, 0);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port: ownPort } = server.address() as AddressInfo;
  return {
    url: `${protocol}//127.0.0.1:${ownPort}`,
    set: (value) => {
      roundTripMs = value;
    },
    async close() {
      for (const timer of timers) clearTimeout(timer);
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
