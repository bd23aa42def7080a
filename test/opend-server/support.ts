import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { decodeReply, encodeRequest, type ReplyFrame } from "../../functions/opend/frame.ts";
import * as Login from "../../gen/InitWebSocket_pb.js";
import * as ShortInterest from "../../gen/Qot_GetShortInterest_pb.js";
import type { Service } from "../support/service.ts";

/** A client that sends frames of any kind, and records the replies. */
export class TestClient {
  readonly replies: ReplyFrame[] = [];
  readonly closed: Promise<number>;
  readonly #socket: WebSocket;
  #waiters: (() => void)[] = [];
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

  /** Returns the section of the request. */
  send(command: number, body: Uint8Array): bigint {
    this.#section += 1n;
    this.sendRaw(encodeRequest({ command, section: this.#section, body }));
    return this.#section;
  }

  request(command: number, body = new Uint8Array()): Promise<ReplyFrame> {
    return this.reply(this.send(command, body));
  }

  logIn(websocketKey = ""): Promise<ReplyFrame> {
    const request = create(Login.RequestSchema, { c2s: { websocketKey } });
    return this.reply(this.send(1, toBinary(Login.RequestSchema, request)));
  }

  /** Requests a page. Returns the section of the request. */
  sendCall(code: string, more: { market?: number; nextKey?: string; num?: number } = {}): bigint {
    const { market = 11, ...rest } = more;
    const c2s = { security: { market, code }, ...rest };
    return this.send(
      3249,
      toBinary(ShortInterest.RequestSchema, create(ShortInterest.RequestSchema, { c2s })),
    );
  }

  /** Waits for the reply to a section. */
  async reply(section: bigint): Promise<ReplyFrame> {
    for (;;) {
      const reply = this.replies.find(({ section: replied }) => replied === section);
      if (reply) return reply;
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
  }

  async page(section: bigint): Promise<ShortInterest.Response> {
    return fromBinary(ShortInterest.ResponseSchema, (await this.reply(section)).body);
  }

  close(): void {
    this.#socket.close(1000);
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }
}

/** Opens a connection to the Worker. */
export async function connect(service: Service): Promise<TestClient> {
  const { status, webSocket } = await service.connect();
  if (!webSocket) throw new Error(`The upgrade was refused with the status ${status}`);
  return new TestClient(webSocket);
}

/** Opens a connection to the Worker, and logs in. */
export async function connectAndLogIn(service: Service): Promise<TestClient> {
  const client = await connect(service);
  const { error } = await client.logIn();
  if (error !== 0) throw new Error(`The login was refused with the error ${error}`);
  return client;
}
