import { Failure } from "../errors.ts";
import { decodeRequest, encodeReply, type RequestFrame } from "../opend/frame.ts";

/** What one connection may use. */
export const SOCKET_LIMITS = {
  /** Milliseconds from the upgrade to a successful login. */
  loginMs: 10_000,
  /** Frames before the login has succeeded, attempts to log in among them. */
  loginFrames: 32,
  /** Bytes of a frame before the login. InitWebSocket is largest with a private key in it: 3.3 KB for RSA-4096. */
  loginFrameBytes: 8_192,
  /** Requests that are not answered yet. */
  inFlight: 32,
  /** Bytes of a frame that is received. */
  frameBytes: 65_536,
  /** Bytes of all replies. The runtime does not tell how many of them wait for a slow client. */
  sentBytes: 8 * 1_024 * 1_024,
  /** Milliseconds without a frame. */
  idleMs: 60_000,
  /**
   * Milliseconds without a frame, and in all, for which an ending connection refuses requests: OpenD's own client
   * would wait for ever for a reply to a request that is on its way.
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

/** A reply, without what it has in common with its request. */
export interface CommandReply {
  readonly body: Uint8Array;
  /** Header error; 0, as if absent, is none. */
  readonly error?: number;
  /** Whether the connection ends with it. */
  readonly last?: boolean;
  /** Whether it tells the client that its login has succeeded. */
  readonly loggedIn?: boolean;
}

export interface CommandHandler {
  /** Answers one request, whatever it is. */
  handle(request: RequestFrame): Promise<CommandReply>;
  /** Says no to a request. */
  refuse(why: Failure): CommandReply;
  /** Whether requests can still be answered. */
  hasCapacity(): boolean;
}

/** Close codes (RFC 6455, 7.4.1). */
const DONE = 1000;
const PROTOCOL_ERROR = 1002;
const NOT_BINARY = 1003;
const OVER_LIMIT = 1008;
const TOO_LONG = 1009;

/**
 * Speaks OpenD's WebSocket protocol on a socket that is not accepted yet. A connection waits for a login, answers
 * requests, refuses requests while it ends, and is closed. Each of the first three steps may be the last.
 *
 * @param release drops the connection of a peer that does not answer the close frame
 */
export function serveConnection(
  socket: WebSocket,
  handler: CommandHandler,
  limits: SocketLimits,
  release: () => void,
): void {
  let loggedIn = false;
  let loginFrames = 0;
  let inFlight = 0;
  let sent = 0;
  /** The close code, once no further request is answered. */
  let ending: number | undefined;
  let lingerUntil = 0;
  let lingerFrames = 0;
  let closed = false;
  /** Ends the present step. */
  let timer = setTimeout(() => close(OVER_LIMIT), limits.loginMs);

  function close(code: number): void {
    if (closed) return;
    closed = true;
    restart(release, loggedIn ? limits.closeMs : limits.lingerMs);
    try {
      socket.close(code);
    } catch {
      // It is closed already.
    }
  }

  /** Answers no further request; closes when those before are answered, and none has come for a moment. */
  function end(code: number): void {
    if (ending === undefined) {
      ending = code;
      lingerUntil = loggedIn ? Date.now() + limits.maxLingerMs : 0;
    }
    wait();
  }

  /** Starts the time anew in which a frame must come. The time for a login is not extended. */
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

  function reply(request: RequestFrame, answer: CommandReply): void {
    if (closed) return;
    const { command, section } = request;
    const { body, error = 0, last = false } = answer;
    const frame = encodeReply({ command, section, error, errorText: "", body });
    sent += frame.length;
    try {
      socket.send(frame);
    } catch {
      // The client has left.
      close(DONE);
    }
    if (answer.loggedIn && !loggedIn) {
      loggedIn = true;
      wait();
    }
    if (last) end(OVER_LIMIT);
    else if (ending !== undefined) wait();
    else if (sent >= limits.sentBytes || !handler.hasCapacity()) end(DONE);
  }

  async function handle(request: RequestFrame): Promise<void> {
    inFlight += 1;
    const answer = await handler
      .handle(request)
      .catch((thrown: unknown) => handler.refuse(Failure.from(thrown)));
    inFlight -= 1;
    reply(request, answer);
  }

  function refuse(request: RequestFrame, why: string, code: number): void {
    end(code);
    reply(request, handler.refuse(new Failure("too_many_requests", why)));
    lingerFrames += 1;
    if (lingerFrames >= limits.lingerFrames) close(code);
  }

  function receive(data: ArrayBuffer | string): void {
    const length = typeof data === "string" ? data.length : data.byteLength;
    if (length > (loggedIn ? limits.frameBytes : limits.loginFrameBytes)) drop(data);
    if (closed) return;
    wait();
    if (typeof data === "string") endAtOnce(NOT_BINARY);
    else receiveFrame(new Uint8Array(data));
  }

  /**
   * Closes the connection, and throws. After a close frame alone, the runtime would read on until the peer answers
   * it; after an exception in a listener it drops the connection.
   */
  function drop(data: ArrayBuffer | string): never {
    // Frees the memory now, not at the next garbage collection.
    if (typeof data !== "string") data.transfer(0);
    close(TOO_LONG);
    throw new Error("A client of OpenD's protocol sent a frame that is too long");
  }

  function receiveFrame(bytes: Uint8Array): void {
    let request: RequestFrame;
    try {
      request = decodeRequest(bytes);
    } catch {
      endAtOnce(PROTOCOL_ERROR);
      return;
    }
    if (!loggedIn) loginFrames += 1;
    if (ending !== undefined) refuse(request, "The connection is about to close", ending);
    else if (!loggedIn && loginFrames > limits.loginFrames)
      refuse(request, "Too many requests before the login", OVER_LIMIT);
    else if (inFlight >= limits.inFlight) refuse(request, "Too many requests are under way", OVER_LIMIT);
    else void handle(request);
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
