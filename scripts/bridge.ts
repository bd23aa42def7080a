import type { IncomingMessage } from "node:http";
import { createServer, type Socket } from "node:net";
import { pipeline } from "node:stream";
import { parseArgs } from "node:util";
import { createWebSocketStream, WebSocket } from "ws";
import { onStop } from "./on-stop.ts";
import { isSafeForKey } from "./service-url.ts";
import { stop } from "./stop.ts";

/**
 * `npm run bridge -- https://… [--port N]` lets the vendor's SDKs use a service as their OpenD. It listens on 127.0.0.1,
 * and forwards the bytes of each connection to the service's `/tcp`, with the key in `API_KEY`.
 */

const USAGE = "usage: npm run bridge -- https://address-of-the-service [--port 0-65535]";
const HOST = "127.0.0.1";
/** Deadline of a handshake with the service, in milliseconds. */
const HANDSHAKE_MS = 10_000;
/** Size limit of a message of the service, in bytes. Pages have a few kilobytes. */
const MAX_MESSAGE_BYTES = 1 << 20;
/** Chunks of a refusal's body that are read. Each has up to 64 KiB. */
const MAX_CHUNKS = 16;
/** Length limit of the text of a failure, in characters. */
const MAX_TEXT = 200;

// Not from .dev.vars: that key belongs to another service.
const key = process.env.API_KEY || undefined;
const { url, port } = readArguments();
const target = `${url.origin}/tcp`;
if (key !== undefined && !isSafeForKey(url)) stop("API_KEY is sent only over https:// or to this machine");
if (key !== undefined && !/^[\x21-\x7e]+$/.test(key)) stop("API_KEY contains characters that no key has");

// Half-open, so that the last bytes of a program are sent before both sides close.
const server = createServer({ allowHalfOpen: true, noDelay: true }, forward);
server.on("error", (error) => {
  const isInUse = "code" in error && error.code === "EADDRINUSE";
  stop(isInUse ? `Port ${port} is in use, perhaps by an OpenD. Choose another with --port.` : error.message);
});
server.listen(port, HOST, () => {
  const address = server.address();
  console.log(`Bridge: ${HOST}:${typeof address === "object" ? address?.port : port} to ${target}`);
});
onStop("bridge", () => process.exit(0));

/** Forwards the bytes of one connection until either side ends. Each side pauses while the other is slow. */
function forward(program: Socket): void {
  const headers = key === undefined ? {} : { "X-API-Key": key };
  const edge = new WebSocket(target, { headers, maxPayload: MAX_MESSAGE_BYTES, perMessageDeflate: false });
  const tunnel = createWebSocketStream(edge);
  const fail = (text: string) => {
    if (!program.destroyed) report(text);
    program.destroy();
  };
  const deadline = setTimeout(fail, HANDSHAKE_MS, "no answer from the service");
  edge.on("open", () => clearTimeout(deadline));
  edge.on("unexpected-response", async (_, response) => fail(await refusalOf(response)));
  edge.on("error", (error) => fail(error.message || ("code" in error ? `${error.code}` : error.name)));
  edge.on("close", (code, reason) => {
    clearTimeout(deadline);
    // 1005 is a close frame without a code. 1006 is no close frame: no failure if the program has ended.
    const isOrdinary = code === 1000 || code === 1005 || (code === 1006 && program.readableEnded);
    if (!isOrdinary && !program.destroyed) report(`code ${code} ${reason}`);
  });
  // A program that keeps its side open must not keep the connection.
  tunnel.on("end", () => program.destroySoon());
  pipeline(program, tunnel, program, () => {}); // The events above report its failures.
}

/** The status of a refusal, and the `detail` of its problem. Other bodies are ignored. */
async function refusalOf(response: IncomingMessage): Promise<string> {
  const status = `HTTP ${response.statusCode}`;
  try {
    const chunks = await response.setEncoding("utf8").take(MAX_CHUNKS).toArray();
    const { detail }: { detail?: unknown } = JSON.parse(chunks.join(""));
    return typeof detail === "string" ? `${status}: ${detail}` : status;
  } catch {
    return status;
  }
}

/** Prints a failure without control characters and without the key. */
function report(text: string): void {
  const withoutKey = key === undefined ? text : text.replaceAll(key, "[API_KEY]");
  const line = `Bridge: connection closed: ${withoutKey.slice(0, MAX_TEXT)}`;
  console.error(line.replace(/\p{C}+/gu, " ").trimEnd());
}

function readArguments(): { readonly url: URL; readonly port: number } {
  try {
    const options = { port: { type: "string", default: "11111" } } as const;
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    const parsed = new URL(positionals.join(" "));
    const number = /^\d{1,5}$/.test(values.port) ? Number(values.port) : Number.NaN;
    // A path, a query or credentials would have no effect.
    const isOrigin = /^https?:$/.test(parsed.protocol) && parsed.href === `${parsed.origin}/`;
    if (isOrigin && number <= 65_535) return { url: parsed, port: number };
  } catch {}
  return stop(USAGE);
}
