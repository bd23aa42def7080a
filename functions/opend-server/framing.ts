import { Failure } from "../errors.ts";

/** A reply, without the header fields that it copies from its request. */
export interface CommandReply {
  readonly body: Uint8Array;
  /** Header error of the WebSocket protocol; 0 or absent for none. */
  readonly error?: number;
  /** Whether the connection ends after it. */
  readonly last?: boolean;
  /** Whether it confirms a login. */
  readonly loggedIn?: boolean;
}

/** A request of a client, as its framing read it. */
export interface Request {
  readonly command: number;
  /** @throws Failure `invalid_parameter` if the header does not fit the body, or announces another format */
  body(): Promise<Uint8Array>;
  /** The frame of the reply. */
  encode(reply: CommandReply): Promise<Uint8Array<ArrayBuffer>>;
}

/** How one connection's messages carry frames. */
export interface Framing {
  /**
   * Reads a message, and yields the requests that it completes.
   * @param maxFrameBytes the limit of a frame, its header included
   * @throws Failure `opend_protocol_error` for bytes of another protocol, `content_too_large`
   */
  read(message: Uint8Array<ArrayBuffer>, maxFrameBytes: number): Iterable<Request>;
}

/** The failure of a frame that exceeds the limit. */
export function tooLarge(maxFrameBytes: number): Failure {
  return new Failure("content_too_large", `A frame has more than ${maxFrameBytes} bytes`);
}
