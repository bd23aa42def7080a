import { createHash } from "node:crypto";
import { WebSocket } from "ws";
import type { Connection, OpendAddress, Socket } from "../../functions/opend/connect.ts";
import type { Runtime } from "../../functions/opend/session.ts";

/** What there was in place of a WebSocket. */
export class NoUpgrade {
  /** HTTP status; 0 where there was no answer. */
  readonly status: number;
  readonly location: string;
  /** The kind of error, where there was no answer. */
  readonly found: string;

  constructor(status: number, location: string, found: string) {
    this.status = status;
    this.location = location;
    this.found = found;
  }
}

/** Whether it looks like Cloudflare Access, which wants to know who is there. */
export function isAccess({ status, location }: NoUpgrade): boolean {
  return status === 401 || status === 403 || /\bcloudflareaccess\.com\b/.test(location);
}

/** Opens the WebSocket as a Worker does. */
export function connectFromNode({ url, access }: OpendAddress, ms: number): Promise<Connection | NoUpgrade> {
  const headers = access && {
    "CF-Access-Client-Id": access.clientId,
    "CF-Access-Client-Secret": access.clientSecret,
  };
  const webSocket = new WebSocket(url.href, { handshakeTimeout: ms, ...(headers && { headers }) });
  webSocket.binaryType = "arraybuffer";
  return new Promise((resolve) => {
    webSocket.once("unexpected-response", (request, { statusCode = 0, headers: { location = "" } }) => {
      request.destroy();
      resolve(new NoUpgrade(statusCode, location, ""));
    });
    // The message may have the address in it.
    webSocket.on("error", (error) => {
      resolve(new NoUpgrade(0, "", "code" in error ? String(error.code) : "no answer in time"));
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

/** Node in place of workerd, for a connection that is open already. */
export function nodeWith(connection: Connection): Runtime {
  return {
    connect: async () => connection,
    md5Hex: async (text) => createHash("md5").update(text).digest("hex"),
  };
}
