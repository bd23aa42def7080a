import { isFieldSet } from "@bufbuild/protobuf";
import { PacketEncAlgo } from "../../gen/Common_pb.js";
import * as InitConnect from "../../gen/InitConnect_pb.js";
import * as InitWebSocket from "../../gen/InitWebSocket_pb.js";
import { Failure } from "../errors.ts";
import { bodyOf, read } from "./bodies.ts";
import type { CommandReply } from "./framing.ts";
import { refusalBody } from "./refusal-messages.ts";

/** The login of a connection: the command that comes before all others. */
export interface Login {
  readonly name: string;
  readonly command: number;
  /** @throws Failure `invalid_parameter` for a body that cannot be decoded */
  accept(body: Uint8Array): Promise<LoginReply>;
}

export interface LoginReply extends CommandReply {
  /** The client ID; undefined if the login is refused. */
  readonly client?: string;
}

/** The version 1.0, in OpenD's notation: 10.11 is 1011. */
export const SERVER_VERSION = 100;
/** Seconds. The vendor's clients send KeepAlive at four fifths of it. */
const KEEP_ALIVE_S = 10;
/** OpenD's own client does not retry a login after any header error. */
const LOGIN_REFUSED = -1;
/** Clients expect 16 characters. Bodies are never encrypted, so they never use it. */
const UNUSED_AES_KEY = "0".repeat(16);

/**
 * The login of OpenD's WebSocket protocol.
 * @param authenticate returns the client ID of a key by its MD5. It throws Failure `unauthorized`.
 * @param now the time in Unix milliseconds
 */
export function initWebSocket(authenticate: (md5: string) => Promise<string>, now: () => number): Login {
  return {
    name: "InitWebSocket",
    command: 1,
    async accept(body) {
      const { c2s } = read(InitWebSocket.RequestSchema, body);
      try {
        const client = await authenticate(c2s?.websocketKey ?? "");
        const s2c = { serverTime: BigInt(Math.floor(now() / 1_000)), connID: connectionId() };
        const reply = bodyOf(InitWebSocket.ResponseSchema, { retType: 0, retMsg: "", errCode: 0, s2c });
        return { body: reply, client };
      } catch {
        const refusal = refusalBody(new Failure("unauthorized", "Unknown API key"));
        return { body: refusal, error: LOGIN_REFUSED, last: true };
      }
    },
  };
}

/**
 * The login of OpenD's TCP protocol. It has no key, so the upgrade authenticates the client.
 * @param client the client ID
 */
export function initConnect(client: string): Login {
  return {
    name: "InitConnect",
    command: 1001,
    async accept(body) {
      const { c2s } = read(InitConnect.RequestSchema, body);
      // OpenD does not encrypt either if a program leaves the algorithm out and no RSA key is configured.
      const isEncrypted =
        c2s !== undefined &&
        isFieldSet(c2s, InitConnect.C2SSchema.field.packetEncAlgo) &&
        c2s.packetEncAlgo !== PacketEncAlgo.PacketEncAlgo_None;
      if (isEncrypted) {
        const text =
          "Encryption is not available here: TLS protects the connection. Connect without encryption";
        return { body: refusalBody(new Failure("invalid_parameter", text)), last: true };
      }
      const s2c = {
        serverVer: SERVER_VERSION,
        loginUserID: 0n,
        connID: connectionId(),
        connAESKey: UNUSED_AES_KEY,
        keepAliveInterval: KEEP_ALIVE_S,
      };
      return {
        body: bodyOf(InitConnect.ResponseSchema, { retType: 0, retMsg: "", errCode: 0, s2c }),
        client,
      };
    },
  };
}

/** A random ID with 63 bits, which fits the signed integers of Java. */
function connectionId(): bigint {
  const [bits = 2n] = crypto.getRandomValues(new BigUint64Array(1));
  return bits >> 1n;
}
