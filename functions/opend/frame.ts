import { Failure } from "../errors.ts";

/**
 * OpenD's frame: one binary WebSocket message each, all integers big-endian.
 *
 *     0   8  signature "ft-v1.0" and a NUL
 *     8   4  command, uint32
 *    12   8  section, uint64: the number that a reply shares with its request
 *    20      body (request)
 *    20   4  error, int32, 0 is success (reply)
 *    24  20  error text, UTF-8 padded with NUL (reply)
 *    44      body (reply); may be empty
 */
export interface RequestFrame {
  readonly command: number;
  readonly section: bigint;
  readonly body: Uint8Array;
}

export interface ReplyFrame extends RequestFrame {
  readonly error: number;
  readonly errorText: string;
}

const SIGNATURE = new TextEncoder().encode("ft-v1.0\0");
const COMMAND_AT = 8;
const SECTION_AT = 12;
const ERROR_AT = 20;
const ERROR_TEXT_AT = 24;
const REQUEST_HEADER_BYTES = 20;
const REPLY_HEADER_BYTES = 44;

/** Bytes of a request, as a client sends it. */
export function encodeRequest(frame: RequestFrame): Uint8Array<ArrayBuffer> {
  return encodeHeader(frame, REQUEST_HEADER_BYTES);
}

/** Bytes of a reply, as OpenD sends it. The error text is cut to 20 bytes. */
export function encodeReply(frame: ReplyFrame): Uint8Array<ArrayBuffer> {
  const bytes = encodeHeader(frame, REPLY_HEADER_BYTES);
  new DataView(bytes.buffer).setInt32(ERROR_AT, frame.error);
  new TextEncoder().encodeInto(frame.errorText, bytes.subarray(ERROR_TEXT_AT, REPLY_HEADER_BYTES));
  return bytes;
}

/** @throws Failure `opend_protocol_error` for bytes that are not a valid request */
export function decodeRequest(bytes: Uint8Array): RequestFrame {
  const view = checkedView(bytes, REQUEST_HEADER_BYTES);
  return {
    command: view.getUint32(COMMAND_AT),
    section: view.getBigUint64(SECTION_AT),
    body: bytes.subarray(REQUEST_HEADER_BYTES),
  };
}

/** @throws Failure `opend_protocol_error` for bytes that are not a valid reply */
export function decodeReply(bytes: Uint8Array): ReplyFrame {
  const view = checkedView(bytes, REPLY_HEADER_BYTES);
  return {
    command: view.getUint32(COMMAND_AT),
    section: view.getBigUint64(SECTION_AT),
    error: view.getInt32(ERROR_AT),
    errorText: new TextDecoder()
      .decode(bytes.subarray(ERROR_TEXT_AT, REPLY_HEADER_BYTES))
      .replace(/\0+$/, ""),
    body: bytes.subarray(REPLY_HEADER_BYTES),
  };
}

function encodeHeader(frame: RequestFrame, headerBytes: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(headerBytes + frame.body.length);
  const view = new DataView(bytes.buffer);
  bytes.set(SIGNATURE);
  view.setUint32(COMMAND_AT, frame.command);
  view.setBigUint64(SECTION_AT, frame.section);
  bytes.set(frame.body, headerBytes);
  return bytes;
}

function checkedView(bytes: Uint8Array, headerBytes: number): DataView {
  if (bytes.length < headerBytes) {
    throw new Failure("opend_protocol_error", `A frame has ${bytes.length} bytes, fewer than its header`);
  }
  if (SIGNATURE.some((byte, at) => bytes[at] !== byte)) {
    throw new Failure("opend_protocol_error", "A frame does not begin with OpenD's signature");
  }
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
