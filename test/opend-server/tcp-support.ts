import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { PacketEncAlgo } from "../../gen/Common_pb.js";
import * as InitConnect from "../../gen/InitConnect_pb.js";
import * as ShortInterest from "../../gen/Qot_GetShortInterest_pb.js";
import type { Service } from "../support/service.ts";

const HEADER_BYTES = 44;

export interface TcpReply {
  readonly command: number;
  readonly format: number;
  readonly serial: number;
  readonly body: Uint8Array;
}

interface FrameOptions {
  readonly format?: number;
  /** Replaces the digest of the body. */
  readonly sha1?: Uint8Array;
  /** Replaces the length of the body. */
  readonly length?: number;
}

/** The bytes of a frame, written without the code under test. */
export async function tcpFrame(
  command: number,
  serial: number,
  body: Uint8Array = new Uint8Array(),
  { format = 0, sha1, length = body.length }: FrameOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const frame = new Uint8Array(HEADER_BYTES + body.length);
  const view = new DataView(frame.buffer);
  frame.set(new TextEncoder().encode("FT"));
  view.setUint32(2, command, true);
  view.setUint8(6, format);
  view.setUint32(8, serial, true);
  view.setUint32(12, length, true);
  frame.set(sha1 ?? new Uint8Array(await crypto.subtle.digest("SHA-1", body.slice())), 16);
  frame.set(body, HEADER_BYTES);
  return frame;
}

/** The body of InitConnect as the vendor's Python SDK sends it. */
export function initConnectBody(packetEncAlgo: number = PacketEncAlgo.PacketEncAlgo_None): Uint8Array {
  const c2s = {
    clientVer: 300,
    clientID: "test",
    recvNotify: true,
    packetEncAlgo,
    pushProtoFmt: 0,
    programmingLanguage: "Python",
  };
  return toBinary(InitConnect.RequestSchema, create(InitConnect.RequestSchema, { c2s }));
}

/** The body of a call. */
export function callBody(
  code: string,
  more: { market?: number; nextKey?: string; num?: number } = {},
): Uint8Array {
  const { market = 11, ...rest } = more;
  const c2s = { security: { market, code }, ...rest };
  return toBinary(ShortInterest.RequestSchema, create(ShortInterest.RequestSchema, { c2s }));
}

/** Joins byte strings. */
export function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** A client that sends any bytes, and reads the replies from the byte stream. */
export class TcpClient {
  readonly replies: TcpReply[] = [];
  readonly closed: Promise<number>;
  readonly #socket: WebSocket;
  #received = new Uint8Array();
  #waiters: (() => void)[] = [];
  #serial = 0;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.addEventListener("message", ({ data }) => {
      if (!(data instanceof ArrayBuffer)) throw new Error("Received a text message");
      this.#received = joined(this.#received, new Uint8Array(data));
      this.#readReplies();
      this.#wake();
    });
    this.closed = new Promise((resolve) => {
      socket.addEventListener("close", ({ code }) => {
        resolve(code);
        this.#wake();
      });
    });
    socket.accept();
  }

  /** Sends a message as it is. */
  sendRaw(data: Uint8Array<ArrayBuffer> | string): void {
    this.#socket.send(data);
  }

  /** Sends a request, and waits for its reply. */
  async request(command: number, body?: Uint8Array, options?: FrameOptions): Promise<TcpReply> {
    this.#serial += 1;
    const serial = this.#serial;
    this.sendRaw(await tcpFrame(command, serial, body, options));
    return this.reply(serial);
  }

  async logIn(): Promise<InitConnect.Response> {
    return fromBinary(InitConnect.ResponseSchema, (await this.request(1001, initConnectBody())).body);
  }

  async page(...args: Parameters<typeof callBody>): Promise<ShortInterest.Response> {
    return fromBinary(ShortInterest.ResponseSchema, (await this.request(3249, callBody(...args))).body);
  }

  /** Waits for the reply with a serial number. */
  async reply(serial: number): Promise<TcpReply> {
    for (;;) {
      const reply = this.replies.find((candidate) => candidate.serial === serial);
      if (reply) return reply;
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
  }

  close(): void {
    this.#socket.close(1000);
  }

  #readReplies(): void {
    for (;;) {
      const view = new DataView(this.#received.buffer);
      if (this.#received.length < HEADER_BYTES) return;
      const end = HEADER_BYTES + view.getUint32(12, true);
      if (this.#received.length < end) return;
      this.replies.push({
        command: view.getUint32(2, true),
        format: view.getUint8(6),
        serial: view.getUint32(8, true),
        body: this.#received.slice(HEADER_BYTES, end),
      });
      this.#received = this.#received.slice(end);
    }
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }
}

/** Opens a connection to `/tcp`. */
export async function connectTcp(service: Service, headers: Record<string, string> = {}): Promise<TcpClient> {
  const { status, webSocket } = await service.connect(headers, "/tcp");
  if (!webSocket) throw new Error(`The upgrade was refused with the status ${status}`);
  return new TcpClient(webSocket);
}

/** Opens a connection to `/tcp`, and logs in. */
export async function connectTcpAndLogIn(service: Service): Promise<TcpClient> {
  const client = await connectTcp(service);
  const { retType, retMsg } = await client.logIn();
  if (retType !== 0) throw new Error(`The login was refused: ${retMsg}`);
  return client;
}
