import { Failure } from "../errors.ts";
import { withTimeout } from "../timeout.ts";

/** The address of OpenD's WebSocket port, and its credentials. */
export interface OpendAddress {
  /** `ws:` or `wss:`. */
  readonly url: URL;
  /** The plain text of OpenD's WebSocket key; absent if OpenD has none. */
  readonly key?: string | undefined;
  /** OpenD's RSA private key in PEM; absent if OpenD has none. */
  readonly rsaPrivateKey?: string | undefined;
  /** Cloudflare Access service token, for an OpenD behind a tunnel. */
  readonly accessToken?: { readonly clientId: string; readonly clientSecret: string } | undefined;
}

/** The part of a WebSocket that a session uses. Other runtimes adapt theirs to it. */
export interface Socket {
  addEventListener(type: "message", listener: (event: { readonly data: ArrayBuffer | string }) => void): void;
  addEventListener(type: "close" | "error", listener: () => void): void;
  accept(): void;
  send(frame: Uint8Array<ArrayBuffer>): void;
  close(code: number): void;
}

/** A WebSocket that is not accepted yet: add the listeners first. */
export interface Connection {
  readonly socket: Socket;
  /** Drops the connection at once, even if the peer does not answer a close frame. */
  readonly drop: () => void;
}

/**
 * Opens the WebSocket.
 * @param timeoutMs for the upgrade
 * @throws Failure `opend_unreachable`, `opend_timeout`
 */
export async function connect(
  address: OpendAddress,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Connection> {
  // Only fetch() can send headers with the upgrade. It supports the schemes http and https.
  const url = new URL(address.url);
  url.protocol = url.protocol === "wss:" ? "https:" : "http:";
  const headers = new Headers({ Upgrade: "websocket" });
  if (address.accessToken) {
    headers.set("CF-Access-Client-Id", address.accessToken.clientId);
    headers.set("CF-Access-Client-Secret", address.accessToken.clientSecret);
  }
  // The signal of an upgrade also aborts the socket later.
  const dropping = new AbortController();
  const response = await withTimeout(
    timeoutMs,
    () => new Failure("opend_timeout", "OpenD did not accept the connection in time"),
    (connecting) => upgrade(url, headers, AbortSignal.any([connecting, dropping.signal])),
    signal,
  );
  const socket = response.webSocket;
  if (socket === null) {
    await response.body?.cancel();
    throw new Failure(
      "opend_unreachable",
      `OpenD's address answered with HTTP ${response.status} instead of a WebSocket`,
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
    throw new Failure("opend_unreachable", "Cannot connect to OpenD");
  }
  return response;
}
