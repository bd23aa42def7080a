import { Failure } from "../errors.ts";
import { type Framing, type Request, tooLarge } from "./framing.ts";

/**
 * The frame of OpenD's TCP protocol, all integers little-endian. Requests and replies have the same header.
 *
 *     0   2  signature "FT"
 *     2   4  command, uint32
 *     6   1  format of the body: 0 protobuf, 1 JSON
 *     7   1  version of the protocol: 0
 *     8   4  serial number, uint32: the number that a reply shares with its request
 *    12   4  bytes of the body, uint32
 *    16  20  SHA-1 of the body, before encryption
 *    36   8  reserved
 *    44      body
 */
const HEADER_BYTES = 44;
const COMMAND_AT = 2;
const FORMAT_AT = 6;
const SERIAL_AT = 8;
const LENGTH_AT = 12;
const SHA1_AT = 16;
const SHA1_BYTES = 20;
const SIGNATURE = [0x46, 0x54];

const PROTOBUF = 0;

/** OpenD's TCP protocol: messages are pieces of a byte stream, and split or join its frames anywhere. */
export function createTcpFraming(): Framing {
  /** The bytes of the current frame. It has the size of the header until the header is complete. */
  let frame = new Uint8Array(HEADER_BYTES);
  let filled = 0;
  return {
    *read(message, maxFrameBytes) {
      for (let at = 0; at < message.length; ) {
        const piece = message.subarray(at, at + frame.length - filled);
        frame.set(piece, filled);
        filled += piece.length;
        at += piece.length;
        if (filled === HEADER_BYTES) frame = withBody(frame, maxFrameBytes);
        if (filled < frame.length) continue;
        const complete = frame;
        frame = new Uint8Array(HEADER_BYTES);
        filled = 0;
        yield requestOf(complete);
      }
    },
  };
}

/** A buffer for the frame of a complete header. */
function withBody(header: Uint8Array<ArrayBuffer>, maxFrameBytes: number): Uint8Array<ArrayBuffer> {
  if (SIGNATURE.some((byte, at) => header[at] !== byte)) {
    throw new Failure("opend_protocol_error", "A frame does not begin with OpenD's signature");
  }
  const length = HEADER_BYTES + new DataView(header.buffer).getUint32(LENGTH_AT, true);
  if (length > maxFrameBytes) throw tooLarge(maxFrameBytes);
  const frame = new Uint8Array(length);
  frame.set(header);
  return frame;
}

function requestOf(frame: Uint8Array<ArrayBuffer>): Request {
  const view = new DataView(frame.buffer);
  const command = view.getUint32(COMMAND_AT, true);
  const serial = view.getUint32(SERIAL_AT, true);
  const format = view.getUint8(FORMAT_AT);
  const body = frame.subarray(HEADER_BYTES);
  return {
    command,
    async body() {
      if (format !== PROTOBUF) {
        throw new Failure("invalid_parameter", "Only the protobuf format is available, JSON is not");
      }
      const digest = await sha1(body);
      if (digest.some((byte, at) => byte !== frame[SHA1_AT + at])) {
        throw new Failure("invalid_parameter", "The SHA-1 of the body is wrong, or the body is encrypted");
      }
      return body;
    },
    // In protobuf even for a request in JSON: the vendor's SDKs read what the header of a reply announces.
    encode: (reply) => encode(command, serial, reply.body),
  };
}

async function encode(command: number, serial: number, body: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const frame = new Uint8Array(HEADER_BYTES + body.length);
  const view = new DataView(frame.buffer);
  frame.set(SIGNATURE);
  view.setUint32(COMMAND_AT, command, true);
  view.setUint8(FORMAT_AT, PROTOBUF);
  view.setUint32(SERIAL_AT, serial, true);
  view.setUint32(LENGTH_AT, body.length, true);
  frame.set(body, HEADER_BYTES);
  frame.set(await sha1(frame.subarray(HEADER_BYTES)), SHA1_AT);
  return frame;
}

async function sha1(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-1", bytes), 0, SHA1_BYTES);
}
