import { createHash } from "node:crypto";
import protoRoot from "futu-api/proto.js";
import { encodeRequest } from "../../functions/opend/frame.ts";

/**
 * Logs in and requests a page over a new WebSocket. The vendor's descriptors encode both messages.
 * @returns the body of the page reply
 */
export async function fetchReply(url: URL, key: string, request: object): Promise<Uint8Array> {
  const socket = new WebSocket(url.href.replace(/^http/, "ws"));
  socket.binaryType = "arraybuffer";
  const websocketKey = key && createHash("md5").update(key).digest("hex");
  const encode = (name: string, fields: object) => {
    const type = protoRoot.lookupType(`${name}.Request`);
    return type.encode(type.create(fields)).finish();
  };
  await new Promise((resolve) => socket.addEventListener("open", resolve));
  socket.send(
    encodeRequest({ command: 1, section: 1n, body: encode("InitWebSocket", { c2s: { websocketKey } }) }),
  );
  socket.send(encodeRequest({ command: 3249, section: 2n, body: encode("Qot_GetShortInterest", request) }));
  const body = await new Promise<Uint8Array>((resolve) => {
    socket.addEventListener("message", ({ data }) => {
      const bytes = new Uint8Array(data);
      if (bytes[11] !== 1) resolve(bytes.slice(44));
    });
  });
  socket.close();
  return body;
}
