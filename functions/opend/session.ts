import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { RequestSchema, ResponseSchema } from "../../gen/InitWebSocket_pb.js";
import { Failure } from "../errors.ts";
import { type Deadlines, withTimeout } from "../timeout.ts";
import { type Connection, connect, type OpendAddress } from "./connect.ts";
import { failureOfHeader, failureOfLogin, failureOfLoginHeader, loginTimeout, relayLost } from "./errors.ts";
import { decodeReply, encodeRequest, type ReplyFrame } from "./frame.ts";

const INIT_WEB_SOCKET = 1;
const RELAY_LOST = 2;
/** The name of this program in the login. */
const CLIENT_ID = "short-interest";

/** A logged-in connection to OpenD. Close it after use. */
export interface OpendSession {
  /** OpenD's clock at the login, Unix time in seconds; 0 if OpenD did not send it. */
  readonly serverTime: bigint;
  /**
   * Sends one command and waits for its reply. If `signal` aborts first, the connection is dropped.
   * @returns the body of the reply
   * @throws Failure `opend_timeout`, `opend_unreachable`, `opend_protocol_error`, `opend_failed`
   */
  call(command: number, body: Uint8Array, signal: AbortSignal): Promise<Uint8Array>;
  /** Whether it can still be used. */
  isOpen(): boolean;
  close(): void;
}

/** The functions that differ between runtimes. */
export interface Runtime {
  readonly connect: typeof connect;
  /** MD5 of a text, as lowercase hexadecimal. */
  readonly md5Hex: (text: string) => Promise<string>;
}
const WORKERD: Runtime = { connect, md5Hex };

/**
 * Connects and logs in. If `signal` aborts first, the connection is dropped.
 * @throws Failure `opend_unreachable`, `opend_timeout`, `opend_key_refused`, `opend_protocol_error`
 */
export async function openSession(
  address: OpendAddress,
  deadlines: Deadlines,
  signal: AbortSignal,
  runtime = WORKERD,
): Promise<OpendSession> {
  const { key, rsaPrivateKey } = address;
  const websocketKey = key === undefined ? "" : await runtime.md5Hex(key);
  const connection = new RpcConnection(await runtime.connect(address, deadlines.connect, signal));
  const serverTime = await logIn(connection, { websocketKey, rsaPrivateKey }, deadlines.login, signal).catch(
    (failure: unknown) => {
      connection.drop();
      throw failure;
    },
  );
  return {
    serverTime,
    async call(command, body, calling) {
      const reply = await connection
        .request(command, body, deadlines.call, calling)
        .catch((failure: unknown) => {
          connection.drop();
          throw failure;
        });
      if (reply.error !== 0) throw failureOfHeader(reply.error, reply.errorText);
      return reply.body;
    },
    isOpen: () => connection.isOpen(),
    close: () => connection.close(),
  };
}

interface Credentials {
  /** MD5 of the key; empty for none. */
  readonly websocketKey: string;
  readonly rsaPrivateKey: string | undefined;
}

/** @returns OpenD's clock */
async function logIn(
  connection: RpcConnection,
  { websocketKey, rsaPrivateKey }: Credentials,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<bigint> {
  const c2s = {
    websocketKey,
    clientID: CLIENT_ID,
    programmingLanguage: "JavaScript",
    ...(rsaPrivateKey === undefined ? {} : { RSAPrivateKey: rsaPrivateKey }),
  };
  const body = toBinary(RequestSchema, create(RequestSchema, { c2s }));
  const reply = await connection.request(INIT_WEB_SOCKET, body, timeoutMs, signal, loginTimeout);
  if (reply.error !== 0) throw failureOfLoginHeader(reply.error, reply.errorText);
  const response = parseLogin(reply.body);
  if (response.retType !== 0 || response.s2c === undefined) {
    throw failureOfLogin(response.retType, response.retMsg);
  }
  return response.s2c.serverTime;
}

function parseLogin(body: Uint8Array) {
  try {
    return fromBinary(ResponseSchema, body);
  } catch {
    // The parser's message quotes bytes of the reply.
    throw new Failure("opend_protocol_error", "Cannot decode OpenD's reply to the login");
  }
}

async function md5Hex(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("MD5", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

interface PendingCall {
  readonly command: number;
  readonly resolve: (reply: ReplyFrame) => void;
  readonly reject: (failure: Failure) => void;
}

/** Requests and replies on one socket. A reply has the section of its request; all other frames are pushes. */
class RpcConnection {
  readonly #connection: Connection;
  readonly #pending = new Map<bigint, PendingCall>();
  #section = 0n;
  #ended: Failure | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
    const { socket } = connection;
    socket.addEventListener("message", ({ data }) => this.#receive(data));
    const lost = () => this.#end(new Failure("opend_unreachable", "OpenD dropped the connection"));
    socket.addEventListener("close", lost);
    socket.addEventListener("error", lost);
    // Accept after adding the listeners: earlier frames would be lost.
    socket.accept();
  }

  async request(
    command: number,
    body: Uint8Array,
    timeoutMs: number,
    signal: AbortSignal,
    timeoutError = () => new Failure("opend_timeout", "OpenD did not answer in time"),
  ): Promise<ReplyFrame> {
    if (this.#ended) throw this.#ended;
    this.#section += 1n;
    const section = this.#section;
    try {
      return await withTimeout(
        timeoutMs,
        timeoutError,
        () =>
          new Promise((resolve, reject) => {
            this.#pending.set(section, { command, resolve, reject });
            this.#send(encodeRequest({ command, section, body }));
          }),
        signal,
      );
    } finally {
      this.#pending.delete(section);
    }
  }

  isOpen(): boolean {
    return this.#ended === undefined;
  }

  close(): void {
    this.#end(new Failure("opend_unreachable", "The connection to OpenD is closed"));
  }

  /** Closes without waiting for the peer, which may be gone. */
  drop(): void {
    this.close();
    this.#connection.drop();
  }

  #send(frame: Uint8Array<ArrayBuffer>): void {
    try {
      this.#connection.socket.send(frame);
    } catch {
      throw new Failure("opend_unreachable", "OpenD dropped the connection");
    }
  }

  #receive(data: ArrayBuffer | string): void {
    try {
      if (typeof data === "string") throw new Failure("opend_protocol_error", "OpenD sent a text frame");
      const reply = decodeReply(new Uint8Array(data));
      if (reply.command === RELAY_LOST) throw relayLost();
      const pending = this.#pending.get(reply.section);
      if (pending?.command === reply.command) pending.resolve(reply);
    } catch (thrown) {
      this.#end(Failure.from(thrown));
    }
  }

  #end(failure: Failure): void {
    if (this.#ended) return;
    this.#ended = failure;
    for (const { reject } of this.#pending.values()) reject(failure);
    this.#connection.socket.close(1000);
  }
}
