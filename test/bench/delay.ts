import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A way to somewhere that takes its time. */
export interface DelayedWay {
  /** The address to use in place of the one it leads to. */
  readonly url: string;
  /** How much longer a round trip takes, in milliseconds. */
  readonly set: (roundTripMs: number) => void;
  readonly close: () => Promise<void>;
}

/**
 * A TCP proxy: what passes is held back by half the round trip in each direction, and on a new connection by a
 * whole one first, as TCP's own handshake would be.
 */
export async function startDelayedWay(target: string): Promise<DelayedWay> {
  const { protocol, hostname, port } = new URL(target);
  let roundTripMs = 0;
  const sockets = new Set<Socket>();
  const timers = new Set<NodeJS.Timeout>();

  function until(at: number): Promise<void> {
    const ms = at - performance.now();
    if (ms <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        timers.delete(timer);
        resolve();
      }, ms);
      timers.add(timer);
    });
  }

  function pass(from: Socket, to: Socket, readyAt: number): void {
    let before = Promise.resolve();
    // One after the other: timers may overtake each other.
    const later = (work: () => void) => {
      const at = Math.max(performance.now() + roundTripMs / 2, readyAt);
      before = before.then(() => until(at)).then(work);
    };
    from.on("data", (bytes: Buffer) => later(() => to.write(bytes)));
    from.on("end", () => later(() => to.end()));
    from.on("error", () => to.destroy());
    from.on("close", () => later(() => to.destroy()));
  }

  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    for (const socket of [near, far]) {
      socket.setNoDelay(true);
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
    }
    // The handshake, and half a round trip for what is sent after it.
    pass(near, far, performance.now() + 1.5 * roundTripMs);
    pass(far, near, 0);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port: own } = server.address() as AddressInfo;
  return {
    url: `${protocol}//127.0.0.1:${own}`,
    set: (ms) => {
      roundTripMs = ms;
    },
    async close() {
      for (const timer of timers) clearTimeout(timer);
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
