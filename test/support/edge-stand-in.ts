import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";

/** A service with `/tcp`, for tests of the bridge. */

const cleanups: (() => void)[] = [];

/** Ends all services of this file. A test file calls it after each test. */
export function endEdges(): void {
  for (const cleanUp of cleanups.splice(0)) cleanUp();
}

export type Upgrade = (request: IncomingMessage, socket: Duplex, accept: () => void) => void;

/**
 * Starts a service.
 * @param onSocket is called with each WebSocket
 * @param onUpgrade decides about upgrades, and accepts them later or never; accepts at once if absent
 * @param tls a certificate for localhost
 */
export async function startEdge(
  onSocket: (socket: WebSocket) => void = () => {},
  onUpgrade: Upgrade = (_, __, accept) => accept(),
  tls?: { cert: string; key: string },
) {
  const sockets = new WebSocketServer({ noServer: true });
  const upgrades: IncomingMessage[] = [];
  const server = tls ? createTlsServer(tls) : createServer();
  server.on("upgrade", (request, socket, head) => {
    upgrades.push(request);
    onUpgrade(request, socket, () => sockets.handleUpgrade(request, socket, head, onSocket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    for (const socket of sockets.clients) socket.terminate();
    server.closeAllConnections();
    server.close();
  });
  const port = portOf(server.address());
  const origin = tls ? `https://localhost:${port}` : `http://127.0.0.1:${port}`;
  return { origin, upgrades, sockets: sockets.clients };
}

/** Starts a service that answers every upgrade with an HTTP response. */
export async function startRefusingEdge(refuse: (response: ServerResponse) => void) {
  // Without a listener for upgrades, Node handles them as requests.
  const server = createServer((_, response) => refuse(response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${portOf(server.address())}`;
}

const portOf = (address: AddressInfo | string | null) =>
  typeof address === "object" ? address?.port : address;
