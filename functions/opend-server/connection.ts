import { Failure } from "../errors.ts";
import type { CommandReply, Framing, Request } from "./framing.ts";

/** The limits of one connection. */
export const SOCKET_LIMITS = {
  /** Milliseconds from the upgrade to a successful login. */
  loginMs: 10_000,
  /** Frames before a successful login, including login attempts. */
  loginFrames: 32,
  /** Bytes of a frame before the login. InitWebSocket is largest with a private key in it: 3.3 KB for RSA-4096. */
  loginFrameBytes: 8_192,
  /** Concurrent requests. */
  inFlight: 32,
  /** Bytes of a received frame, and of a message. */
  frameBytes: 65_536,
  /** Bytes of all replies. The runtime does not report how many are buffered for a slow client. */
  sentBytes: 8 * 1_024 * 1_024,
  /** Milliseconds without a frame. */
  idleMs: 60_000,
  /**
   * An ending connection refuses requests until this many milliseconds pass without a frame, or `maxLingerMs` in
   * total: OpenD's own client would wait forever for a reply to a request in transit.
   */
  lingerMs: 1_000,
  maxLingerMs: 5_000,
  /** Requests that an ending connection refuses. */
  lingerFrames: 256,
  /**
   * Milliseconds for the peer to answer the close frame; before the login it has `lingerMs`. Longer than any request
   * takes, because requests in flight are cancelled then.
   */
  closeMs: 20_000,
} as const;

export type SocketLimits = { readonly [limit in keyof typeof SOCKET_LIMITS]: number };

export interface CommandHandler {
  /** Handles one request. */
  handle(request: Request): Promise<CommandReply>;
  /** The reply that refuses a request. */
  refuse(failure: Failure): CommandReply;
  /** Whether the invocation has subrequests for another request. */
  hasCapacity(): boolean;
}

/** Close codes (RFC 6455, 7.4.1). */
const DONE = 1000;
const PROTOCOL_ERROR = 1002;
const NOT_BINARY = 1003;
const OVER_LIMIT = 1008;
const TOO_LONG = 1009;

/**
 * Serves one of OpenD's protocols on a socket that is not accepted yet. A connection waits for a login, answers
 * requests, refuses requests while it ends, and is closed. Each of the first three steps may be the last.
 *
 * @param release drops the connection of a peer that does not answer the close frame
 */
export function serveConnection(
  socket: WebSocket,
  framing: Framing,
  handler: CommandHandler,
  limits: SocketLimits,
  release: () => void,
): void {
  let loggedIn = false;
  let loginFrames = 0;
  let inFlight = 0;
  let sent = 0;
  /** The close code of an ending connection: it refuses further requests. */
  let ending: number | undefined;
  let lingerUntil = 0;
  let lingerFrames = 0;
  let closed = false;
  /** The timer of the current step. */
  let timer = setTimeout(() => close(OVER_LIMIT), limits.loginMs);

  function close(code: number): void {
    if (closed) return;
    closed = true;
    restart(release, loggedIn ? limits.closeMs : limits.lingerMs);
    try {
      socket.close(code);
    } catch {
      // The socket is already closed.
    }
  }

  /** Refuses further requests. Closes after the replies in flight, and `lingerMs` without a frame. */
  function end(code: number): void {
    if (ending === undefined) {
      ending = code;
      lingerUntil = loggedIn ? Date.now() + limits.maxLingerMs : 0;
    }
    wait();
  }

  /** Restarts the timer of the next frame. The deadline of the login is not extended. */
  function wait(): void {
    if (closed) return;
    const code = ending;
    if (code === undefined) {
      if (loggedIn) restart(() => end(DONE), limits.idleMs);
    } else if (inFlight === 0) {
      restart(() => close(code), Math.max(0, Math.min(limits.lingerMs, lingerUntil - Date.now())));
    }
  }

  function restart(action: () => void, ms: number): void {
    clearTimeout(timer);
    timer = setTimeout(action, ms);
  }

  /** Sends the answer to a request. Until then the request is in flight. */
  async function answer(request: Request, work: Promise<CommandReply>): Promise<void> {
    inFlight += 1;
    const reply = await work.catch((thrown: unknown) => handler.refuse(Failure.from(thrown)));
    const frame = await request.encode(reply);
    inFlight -= 1;
    send(frame, reply);
  }

  function send(frame: Uint8Array<ArrayBuffer>, reply: CommandReply): void {
    if (closed) return;
    sent += frame.length;
    try {
      socket.send(frame);
    } catch {
      // The client has disconnected.
      close(DONE);
    }
    if (reply.loggedIn && !loggedIn) {
      loggedIn = true;
      wait();
    }
    if (reply.last) end(OVER_LIMIT);
    else if (ending !== undefined) wait();
    else if (sent >= limits.sentBytes || !handler.hasCapacity()) end(DONE);
  }

  function refuse(request: Request, detail: string, code: number): void {
    if (lingerFrames >= limits.lingerFrames) return;
    lingerFrames += 1;
    const reply = handler.refuse(new Failure("too_many_requests", detail));
    const refusal = answer(request, Promise.resolve(reply));
    end(code);
    if (lingerFrames >= limits.lingerFrames) void refusal.then(() => close(code));
  }

  function receive(data: ArrayBuffer | string): void {
    const maxFrameBytes = loggedIn ? limits.frameBytes : limits.loginFrameBytes;
    const length = typeof data === "string" ? data.length : data.byteLength;
    if (length > limits.frameBytes) drop(data);
    if (closed) return;
    if (typeof data === "string") {
      endAtOnce(NOT_BINARY);
      return;
    }
    try {
      for (const request of framing.read(new Uint8Array(data), maxFrameBytes)) receiveRequest(request);
    } catch (thrown) {
      if (Failure.from(thrown).code === "content_too_large") drop(data);
      endAtOnce(PROTOCOL_ERROR);
    }
  }

  /**
   * Closes the connection, and throws. After a close frame alone, the runtime would read on until the peer answers
   * it; after an exception in a listener it drops the connection.
   */
  function drop(data: ArrayBuffer | string): never {
    // Frees the memory now, not at the next garbage collection.
    if (typeof data !== "string") data.transfer(0);
    close(TOO_LONG);
    throw new Error("A client of OpenD's protocol sent a frame that exceeds the limit");
  }

  function receiveRequest(request: Request): void {
    wait();
    if (!loggedIn) loginFrames += 1;
    if (ending !== undefined) refuse(request, "The connection is closing", ending);
    else if (!loggedIn && loginFrames > limits.loginFrames)
      refuse(request, "Too many requests before the login", OVER_LIMIT);
    else if (inFlight >= limits.inFlight) refuse(request, "Too many concurrent requests", OVER_LIMIT);
    else void answer(request, handler.handle(request));
  }

  /** Answers requests in flight, and closes. A peer that speaks another protocol has no further requests. */
  function endAtOnce(code: number): void {
    end(code);
    lingerUntil = 0;
    wait();
  }

  function onGone(): void {
    close(DONE);
    clearTimeout(timer);
  }

  socket.binaryType = "arraybuffer";
  socket.addEventListener("message", ({ data }) => receive(data));
  socket.addEventListener("close", onGone);
  socket.addEventListener("error", onGone);
  socket.accept();
}
