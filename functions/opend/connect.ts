import { Failure } from "../errors.ts";
import { withTimeout } from "../timeout.ts";

/** Where OpenD's WebSocket port is, and what opens it. */
export interface OpendAddress {
  /** `ws:` or `wss:`. */
  readonly url: URL;
  /** OpenD's key in the clear; absent where OpenD has none. */
  readonly key?: string | undefined;
  /** Cloudflare Access service token, for an OpenD behind a tunnel. */
  readonly access?: { readonly clientId: string; readonly clientSecret: string } | undefined;
}

/** As much of a WebSocket as a session needs, so that other runtimes can bring theirs. */
export interface Socket {
  addEventListener(type: "message", listener: (event: { readonly data: ArrayBuffer | string }) => void): void;
  addEventListener(type: "close" | "error", listener: () => void): void;
  accept(): void;
  send(frame: Uint8Array<ArrayBuffer>): void;
  close(code: number): void;
}

/** A WebSocket that is not accepted yet: whoever opened it first sets its listeners. */
export interface Connection {
  readonly socket: Socket;
  /** Drops the connection at once, also under a peer that does not answer a Close. */
  readonly drop: () => void;
}

/**
 * Opens the WebSocket.
 * @param ms how long the upgrade may take
 * @throws Failure `opend_unreachable`, or `opend_timeout` when time is up
 */
export async function connect(address: OpendAddress, ms: number, signal: AbortSignal): Promise<Connection> {
  // Only fetch() can send headers with the upgrade, and it knows the schemes as http and https.
  const url = new URL(address.url);
  url.protocol = url.protocol === "wss:" ? "https:" : "http:";
  const headers = new Headers({ Upgrade: "websocket" });
  if (address.access) {
    headers.set("CF-Access-Client-Id", address.access.clientId);
    headers.set("CF-Access-Client-Secret", address.access.clientSecret);
  }
  // The signal of an upgrade goes on to rule its socket.
  const dropping = new AbortController();
  const response = await withTimeout(
    ms,
    () => new Failure("opend_timeout", "OpenD's address did not answer in time"),
    (connecting) => upgrade(url, headers, AbortSignal.any([connecting, dropping.signal])),
    signal,
  );
  const socket = response.webSocket;
  if (socket === null) {
    await response.body?.cancel();
    throw new Failure(
      "opend_unreachable",
      `OpenD's address answered HTTP ${response.status}, not a WebSocket`,
    );
  }
  socket.binaryType = "arraybuffer";
  return { socket, drop: () => dropping.abort() };
}

async function upgrade(url: URL, headers: Headers, connecting: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { headers, redirect: "manual", signal: connecting });
  } catch {
    // The runtime's message names the address.
    throw new Failure("opend_unreachable", "OpenD's address cannot be connected to");
  }
  return response;
}
