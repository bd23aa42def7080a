import { createHash } from "node:crypto";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { decodeReply, encodeRequest } from "../../functions/opend/frame.ts";
import * as Login from "../../gen/InitWebSocket_pb.js";
import * as ShortInterest from "../../gen/Qot_GetShortInterest_pb.js";

/** Requests in flight on one connection. */
const MAX_IN_FLIGHT = 10;

const KEY = "key of many connections";
const hash = (algorithm: string, text: string) => createHash(algorithm).update(text).digest("hex");
/** `API_KEYS` with the key of `requestPages`. */
export const API_KEYS = `many:${hash("sha256", KEY)}:${hash("sha256", hash("md5", KEY))}`;

/** Opens several connections at once. Each one requests pages of `US.T0`, `US.T1`, … up to `symbols`, in a cycle. */
export async function requestPages(
  origin: string,
  connections: number,
  requests: number,
  symbols: number,
): Promise<ShortInterest.Response[]> {
  const codes = Array.from({ length: requests }, (_, index) => `T${index % symbols}`);
  const replies = await Promise.all(
    Array.from({ length: connections }, () => requestPagesOnConnection(origin, codes)),
  );
  return replies.flat();
}

/** Logs in, requests a page of every security, and closes after the last reply. */
async function requestPagesOnConnection(
  origin: string,
  codes: readonly string[],
): Promise<ShortInterest.Response[]> {
  const socket = new WebSocket(origin.replace(/^http/, "ws"));
  socket.binaryType = "arraybuffer";
  const replies: ShortInterest.Response[] = [];
  let sent = 0;
  const sendNext = () => {
    const code = codes[sent];
    if (code === undefined) return;
    sent += 1;
    const message = create(ShortInterest.RequestSchema, { c2s: { security: { market: 11, code } } });
    const body = toBinary(ShortInterest.RequestSchema, message);
    socket.send(encodeRequest({ command: 3249, section: BigInt(sent), body }));
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
        for (let count = 0; count < MAX_IN_FLIGHT; count += 1) sendNext();
        return;
      }
      replies.push(fromBinary(ShortInterest.ResponseSchema, body));
      if (replies.length === codes.length) socket.close();
      else sendNext();
    });
    socket.addEventListener("close", () => resolve());
    socket.addEventListener("error", () => reject(new Error("A connection failed")));
  });
  return replies;
}
