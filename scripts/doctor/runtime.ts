import { createHash } from "node:crypto";
import { WebSocket } from "ws";
import type { Connection, OpendAddress, Socket } from "../../functions/opend/connect.ts";
import type { Runtime } from "../../functions/opend/session.ts";

/** The response to a WebSocket upgrade that failed. */
export class NoUpgrade {
  /** HTTP status; 0 without a response. */
  readonly status: number;
  readonly location: string;
  /** The error code without a response; else empty. */
  readonly error: string;

  constructor(status: number, location: string, error: string) {
    this.status = status;
    this.location = location;
    this.error = error;
  }
}

/** Whether the response looks like the login of Cloudflare Access. */
export function isAccess({ status, location }: NoUpgrade): boolean {
  return status === 401 || status === 403 || /\bcloudflareaccess\.com\b/.test(location);
}

/** Opens a WebSocket as the Worker does. */
export function connectFromNode(
  { url, accessToken }: OpendAddress,
  timeoutMs: number,
): Promise<Connection | NoUpgrade> {
  const headers = accessToken && {
    "CF-Access-Client-Id": accessToken.clientId,
    "CF-Access-Client-Secret": accessToken.clientSecret,
  };
  const webSocket = new WebSocket(url.href, { handshakeTimeout: timeoutMs, ...(headers && { headers }) });
  webSocket.binaryType = "arraybuffer";
  return new Promise((resolve) => {
    webSocket.once("unexpected-response", (request, { statusCode = 0, headers: { location = "" } }) => {
      request.destroy();
      resolve(new NoUpgrade(statusCode, location, ""));
    });
    // The error message may contain the address.
    webSocket.on("error", (error) => {
      resolve(new NoUpgrade(0, "", "code" in error ? String(error.code) : "timeout"));
    });
    webSocket.once("open", () => resolve({ socket: socketOf(webSocket), drop: () => webSocket.terminate() }));
  });
}

function socketOf(webSocket: WebSocket): Socket {
  return {
    accept: () => undefined,
    send: (frame) => webSocket.send(frame),
    close: (code) => webSocket.close(code),
    addEventListener(
      type: "message" | "close" | "error",
      listener: (event: { data: ArrayBuffer | string }) => void,
    ) {
      webSocket.on(type, (data: unknown, isBinary: unknown) =>
        listener({ data: data instanceof ArrayBuffer && isBinary === true ? data : String(data) }),
      );
    },
  };
}

/** Node.js instead of workerd, for a connection that is already open. */
export function nodeWith(connection: Connection): Runtime {
  return {
    connect: async () => connection,
    md5Hex: async (text) => createHash("md5").update(text).digest("hex"),
  };
}
