import { connect } from "node:net";
import { constants, deflateRawSync } from "node:zlib";

/** A WebSocket client that sends any bytes, and answers no close frame. */
export interface RawSocket {
  /** The head of the response to the upgrade. */
  readonly head: string;
  /** Resolves when the TCP connection closes, with the close code; undefined without a close frame. */
  readonly closed: Promise<number | undefined>;
  /** Sends bytes `times` times, or until the connection closes. */
  send(bytes: Uint8Array, times?: number): Promise<void>;
  destroy(): void;
}

const HEAD_END = "\r\n\r\n";
const CLOSE = 8;

/** Opens a WebSocket, and offers compression. */
export async function openRawSocket(origin: string, path = "/"): Promise<RawSocket> {
  const { hostname, port } = new URL(origin);
  const socket = connect(Number(port), hostname);
  let received = Buffer.alloc(0);
  const head = new Promise<string>((resolve, reject) => {
    socket.on("error", reject);
    socket.on("data", (data) => {
      received = Buffer.concat([received, data]);
      const headLength = received.indexOf(HEAD_END);
      if (headLength >= 0) resolve(received.toString("latin1", 0, headLength));
    });
  });
  const closed = new Promise<number | undefined>((resolve) => {
    socket.on("close", () =>
      resolve(closeCodeIn(received.subarray(received.indexOf(HEAD_END) + HEAD_END.length))),
    );
  });
  socket.write(
    [
      `GET ${path} HTTP/1.1`,
      "Host: localhost",
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Extensions: permessage-deflate",
      "",
      "",
    ].join("\r\n"),
  );
  return {
    head: await head,
    closed,
    async send(bytes, times = 1) {
      for (let sent = 0; sent < times && !socket.destroyed; sent += 1) {
        const written = new Promise((resolve) => socket.write(bytes, resolve));
        await Promise.race([written, closed]);
      }
    },
    destroy: () => socket.destroy(),
  };
}

/** The code of the first close frame. Frames of a server are not masked. These are shorter than 64 KiB. */
function closeCodeIn(frames: Buffer): number | undefined {
  for (let offset = 0; offset + 2 <= frames.length; ) {
    const length = frames.readUInt8(offset + 1);
    const body = offset + (length === 126 ? 4 : 2);
    if ((frames.readUInt8(offset) & 15) === CLOSE) return frames.readUInt16BE(body);
    offset = body + (length === 126 ? frames.readUInt16BE(offset + 2) : length);
  }
  return undefined;
}

export const TEXT = 1;
export const BINARY = 2;

/** A frame of a client, masked with zeros. `announced` is a payload length, if larger than that of the body. */
export function frameOf(
  body: Uint8Array,
  { opcode = BINARY, compress = false, announced = 0 } = {},
): Uint8Array {
  // RFC 7692, 7.2.1: without the last four bytes of the flush.
  const payload = compress
    ? deflateRawSync(body, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4)
    : body;
  const head = Buffer.alloc(14);
  head.writeUInt8(0x80 | (compress ? 0x40 : 0) | opcode, 0);
  head.writeUInt8(0x80 | 127, 1);
  head.writeBigUInt64BE(BigInt(Math.max(announced, payload.length)), 2);
  return Buffer.concat([head, payload]);
}
