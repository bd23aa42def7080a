import { createHash } from "node:crypto";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { decodeReply, encodeRequest } from "../../functions/opend/frame.ts";
import * as Login from "../../gen/InitWebSocket_pb.js";
import * as ShortInterest from "../../gen/Qot_GetShortInterest_pb.js";

/** Most requests of a connection that are under way at once. */
const AT_ONCE = 10;

const KEY = "key of many";
const hash = (algorithm: string, text: string) => createHash(algorithm).update(text).digest("hex");
/** The key of `exchangeMany`, as `API_KEYS` has it. */
export const API_KEYS = `many:${hash("sha256", KEY)}:${hash("sha256", hash("md5", KEY))}`;

/** Opens many connections at once, each of which asks for pages of `US.T0`, `US.T1`, … in turn. */
export async function requestPages(
  origin: string,
  connections: number,
  requests: number,
  symbols: number,
): Promise<ShortInterest.Response[]> {
  const codes = Array.from({ length: requests }, (_, at) => `T${at % symbols}`);
  const all = await Promise.all(
    Array.from({ length: connections }, () => requestPagesOnConnection(origin, codes)),
  );
  return all.flat();
}

/** One connection: logs in, asks for a page of each security, and closes when all is answered. */
async function requestPagesOnConnection(
  origin: string,
  codes: readonly string[],
): Promise<ShortInterest.Response[]> {
  const socket = new WebSocket(origin.replace(/^http/, "ws"));
  socket.binaryType = "arraybuffer";
  const replies: ShortInterest.Response[] = [];
  let asked = 0;
  const ask = () => {
    const code = codes[asked];
    if (code === undefined) return;
    asked += 1;
    const message = create(ShortInterest.RequestSchema, { c2s: { security: { market: 11, code } } });
    const body = toBinary(ShortInterest.RequestSchema, message);
    socket.send(encodeRequest({ command: 3249, section: BigInt(asked), body }));
  };
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => {
      const body = toBinary(
        Login.RequestSchema,
        create(Login.RequestSchema, { c2s: { websocketKey: hash("md5", KEY) } }),
      );
      socket.send(encodeRequest({ command: 1, section: 0n, body }));
    });
    socket.addEventListener("message", ({ data }) => {
      const { command, body } = decodeReply(new Uint8Array(data));
      if (command === 1) {
        for (let first = 0; first < AT_ONCE; first += 1) ask();
        return;
      }
      replies.push(fromBinary(ShortInterest.ResponseSchema, body));
      if (replies.length === codes.length) socket.close();
      else ask();
    });
    socket.addEventListener("close", () => resolve());
    socket.addEventListener("error", () => reject(new Error("A connection failed")));
  });
  return replies;
}
