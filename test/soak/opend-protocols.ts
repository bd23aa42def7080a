import { createHash } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import { decodeReply, encodeRequest } from "../../functions/opend/frame.ts";
import * as InitConnect from "../../gen/InitConnect_pb.js";
import * as Login from "../../gen/InitWebSocket_pb.js";

/** OpenD's two protocols, as a client speaks them. */

interface Request {
  readonly command: number;
  /** The number that the reply repeats. */
  readonly section: number;
  readonly body: Uint8Array;
}

interface Reply extends Request {
  /** Error of the frame header; 0 is success. */
  readonly error: number;
}

export interface OpendProtocol {
  /** The path of the upgrade. */
  readonly path: string;
  /** The request that logs in with the MD5 of a key; empty for no key. */
  login(md5: string): Pick<Request, "command" | "body">;
  encode(request: Request): Buffer;
  /** Creates a reader of messages, which returns the replies that a message completes. */
  createReader(): (message: Buffer) => Reply[];
}

export const WEB_SOCKET: OpendProtocol = {
  path: "/",
  login: (websocketKey) => ({
    command: 1,
    body: toBinary(Login.RequestSchema, create(Login.RequestSchema, { c2s: { websocketKey } })),
  }),
  encode: ({ command, section, body }) =>
    Buffer.from(encodeRequest({ command, section: BigInt(section), body })),
  createReader: () => (message) => {
    const { section, ...reply } = decodeReply(message);
    return [{ ...reply, section: Number(section) }];
  },
};

const HEADER_BYTES = 44;
const PLAIN = -1;

export const TCP: OpendProtocol = {
  path: "/tcp",
  login() {
    const c2s = { clientVer: 100, clientID: "soak", packetEncAlgo: PLAIN };
    return {
      command: 1001,
      body: toBinary(InitConnect.RequestSchema, create(InitConnect.RequestSchema, { c2s })),
    };
  },
  encode({ command, section, body }) {
    const header = Buffer.alloc(HEADER_BYTES);
    header.write("FT");
    header.writeUInt32LE(command, 2);
    header.writeUInt32LE(section, 8);
    header.writeUInt32LE(body.length, 12);
    createHash("sha1").update(body).digest().copy(header, 16);
    return Buffer.concat([header, body]);
  },
  createReader() {
    let received = Buffer.alloc(0);
    return (message) => {
      received = Buffer.concat([received, message]);
      const replies: Reply[] = [];
      while (received.length >= HEADER_BYTES) {
        const end = HEADER_BYTES + received.readUInt32LE(12);
        if (received.length < end) break;
        const body = received.subarray(HEADER_BYTES, end);
        if (!createHash("sha1").update(body).digest().equals(received.subarray(16, 36))) {
          throw new Error("A reply has a wrong SHA-1");
        }
        const [command, section] = [received.readUInt32LE(2), received.readUInt32LE(8)];
        replies.push({ command, section, body, error: 0 });
        received = received.subarray(end);
      }
      return replies;
    };
  },
};
