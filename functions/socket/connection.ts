import { Failure } from "../failure.ts";
import { decodeRequest, encodeReply, type RequestFrame } from "../opend/frame.ts";

/** What one connection may ask for, so that none is a burden to the others. */
export const SOCKET_LIMITS = {
  /** Requests that are not answered yet. */
  inFlight: 32,
  /** Bytes of a frame that is received. */
  frameBytes: 65_536,
  /**
   * Bytes of all replies. Nobody tells how many of them wait for a client that does not read; so, they are no
   * more than this.
   */
  sentBytes: 8 * 1_024 * 1_024,
  /** Milliseconds without a frame. */
  idleMs: 60_000,
  /**
   * Milliseconds without a frame, and in all, for which a connection that ends still says no: a request that is
   * on its way would else never be answered, and OpenD's own client waits for its answer for ever.
   */
  lingerMs: 1_000,
  lingerMostMs: 5_000,
} as const;

export type SocketLimits = { readonly [limit in keyof typeof SOCKET_LIMITS]: number };

/** A reply, without what it has in common with its request. */
export interface Answer {
  readonly body: Uint8Array;
  /** Header error; 0, as if absent, is none. */
  readonly error?: number;
  /** Whether the connection ends with it. */
  readonly last?: boolean;
}

export interface Answerer {
  /** Answers one request, whatever it is. */
  answer(request: RequestFrame): Promise<Answer>;
  /** Says no to a request. */
  refuse(why: Failure): Answer;
  /** Whether requests can still be answered. */
  hasRoom(): boolean;
}

/** Close codes (RFC 6455, 7.4.1). */
const DONE = 1000;
const PROTOCOL_ERROR = 1002;
const NOT_BINARY = 1003;
const OVER_LIMIT = 1008;
const TOO_LONG = 1009;

/** Speaks OpenD's WebSocket protocol on a socket that is not accepted yet. */
export function serveConnection(socket: WebSocket, answerer: Answerer, limits: SocketLimits): void {
  let inFlight = 0;
  let sent = 0;
  /** The close code, once no further request is answered. */
  let ending: number | undefined;
  let endingSince = 0;
  let closed = false;
  /** Ends the connection when no frame comes. */
  let timer = setTimeout(() => end(DONE), limits.idleMs);

  function close(code: number): void {
    if (closed) return;
    closed = true;
    clearTimeout(timer);
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
      endingSince = Date.now();
    }
    wait();
  }

  /** Starts the time anew in which a frame must come. */
  function wait(): void {
    clearTimeout(timer);
    if (closed) return;
    if (ending === undefined) {
      timer = setTimeout(() => end(DONE), limits.idleMs);
      return;
    }
    const code = ending;
    const left = endingSince + limits.lingerMostMs - Date.now();
    if (inFlight === 0) timer = setTimeout(() => close(code), Math.max(0, Math.min(limits.lingerMs, left)));
  }

  function reply(request: RequestFrame, { body, error = 0, last = false }: Answer): void {
    const { command, section } = request;
    const frame = encodeReply({ command, section, error, errorText: "", body });
    sent += frame.length;
    try {
      socket.send(frame);
    } catch {
      // Whoever asked has left.
      close(DONE);
    }
    if (last) end(OVER_LIMIT);
    else if (ending !== undefined) wait();
    else if (sent >= limits.sentBytes || !answerer.hasRoom()) end(DONE);
  }

  async function take(request: RequestFrame): Promise<void> {
    inFlight += 1;
    const answer = await answerer
      .answer(request)
      .catch((thrown: unknown) => answerer.refuse(Failure.from(thrown)));
    inFlight -= 1;
    reply(request, answer);
  }

  function refuse(request: RequestFrame, why: string, code: number): void {
    end(code);
    reply(request, answerer.refuse(new Failure("too_many_requests", why)));
  }

  function receive(data: ArrayBuffer | string): void {
    if (closed) return;
    wait();
    // Who speaks another protocol is owed nothing but what was asked before.
    if (typeof data === "string") endAtOnce(NOT_BINARY);
    else receiveFrame(new Uint8Array(data));
  }

  function receiveFrame(bytes: Uint8Array): void {
    let request: RequestFrame;
    try {
      request = decodeRequest(bytes);
    } catch {
      endAtOnce(PROTOCOL_ERROR);
      return;
    }
    if (ending !== undefined) refuse(request, "The connection is about to close", ending);
    else if (bytes.length > limits.frameBytes) refuse(request, "The frame is too long", TOO_LONG);
    else if (inFlight >= limits.inFlight) refuse(request, "Too many requests are under way", OVER_LIMIT);
    else void take(request);
  }

  function endAtOnce(code: number): void {
    end(code);
    endingSince = 0;
    wait();
  }

  const gone = () => close(DONE);
  socket.binaryType = "arraybuffer";
  socket.addEventListener("message", ({ data }) => receive(data));
  socket.addEventListener("close", gone);
  socket.addEventListener("error", gone);
  socket.accept();
}
