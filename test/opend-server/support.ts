import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { decodeReply, encodeRequest, type ReplyFrame } from "../../functions/opend/frame.ts";
import * as Login from "../../gen/InitWebSocket_pb.js";
import * as ShortInterest from "../../gen/Qot_GetShortInterest_pb.js";
import type { Service } from "../support/service.ts";

/** The client's end of a connection: sends frames of any kind and keeps what comes. */
export class TestClient {
  readonly replies: ReplyFrame[] = [];
  readonly closed: Promise<number>;
  readonly #socket: WebSocket;
  #waiting: (() => void)[] = [];
  #section = 0n;

  constructor(socket: WebSocket, options: WebSocketAcceptOptions = {}) {
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.addEventListener("message", ({ data }) => {
      this.replies.push(decodeReply(new Uint8Array(data as ArrayBuffer)));
      this.#wake();
    });
    this.closed = new Promise((resolve) => {
      socket.addEventListener("close", ({ code }) => {
        resolve(code);
        this.#wake();
      });
    });
    socket.accept(options);
  }

  sendRaw(data: Uint8Array<ArrayBuffer> | string): void {
    this.#socket.send(data);
  }

  /** Sends a request. Returns its section. */
  send(command: number, body: Uint8Array): bigint {
    this.#section += 1n;
    this.sendRaw(encodeRequest({ command, section: this.#section, body }));
    return this.#section;
  }

  /** Sends a request, and waits for its reply. */
  request(command: number, body = new Uint8Array()): Promise<ReplyFrame> {
    return this.reply(this.send(command, body));
  }

  logIn(websocketKey = ""): Promise<ReplyFrame> {
    const request = create(Login.RequestSchema, { c2s: { websocketKey } });
    return this.reply(this.send(1, toBinary(Login.RequestSchema, request)));
  }

  /** Sends a call for a page. Returns its section. */
  sendCall(code: string, more: { market?: number; nextKey?: string; num?: number } = {}): bigint {
    const { market = 11, ...rest } = more;
    const c2s = { security: { market, code }, ...rest };
    return this.send(
      3249,
      toBinary(ShortInterest.RequestSchema, create(ShortInterest.RequestSchema, { c2s })),
    );
  }

  /** The reply to a section, once it is here. */
  async reply(section: bigint): Promise<ReplyFrame> {
    for (;;) {
      const found = this.replies.find((reply) => reply.section === section);
      if (found) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async page(section: bigint): Promise<ShortInterest.Response> {
    return fromBinary(ShortInterest.ResponseSchema, (await this.reply(section)).body);
  }

  close(): void {
    this.#socket.close(1000);
  }

  #wake(): void {
    const woken = this.#waiting;
    this.#waiting = [];
    for (const wake of woken) wake();
  }
}

/** Opens a connection to the Worker. */
export async function connect(service: Service): Promise<TestClient> {
  const { status, webSocket } = await service.connect();
  if (!webSocket) throw new Error(`There is no WebSocket, but a status ${status}`);
  return new TestClient(webSocket);
}

/** Opens a connection to the Worker, and logs in. */
export async function connected(service: Service): Promise<TestClient> {
  const client = await connect(service);
  const { error } = await client.logIn();
  if (error !== 0) throw new Error(`The login was refused with the error ${error}`);
  return client;
}
