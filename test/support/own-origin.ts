import { connect, createServer } from "node:net";

/**
 * Listens on a port of this machine, and passes connections on. A server can thus know its origin before it starts.
 * Call `forwardTo` before the first connection.
 */
export async function reserveOrigin() {
  let target: URL | undefined;
  const server = createServer((client) => {
    if (target === undefined) return client.destroy();
    const upstream = connect(Number(target.port), target.hostname);
    client.pipe(upstream).pipe(client);
    client.on("error", () => upstream.destroy());
    upstream.on("error", () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server has no port");
  return {
    origin: `http://127.0.0.1:${address.port}`,
    forwardTo(origin: string) {
      target = new URL(origin);
    },
    close() {
      server.close();
    },
  };
}
