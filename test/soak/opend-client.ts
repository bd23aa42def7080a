import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { WebSocket } from "ws";
import * as InitConnect from "../../gen/InitConnect_pb.js";
import * as ShortInterest from "../../gen/Qot_GetShortInterest_pb.js";
import type { DataCenter } from "./data-centers.ts";
import { TCP, WEB_SOCKET } from "./opend-protocols.ts";
import { pick } from "./plan.ts";
import { errorMessage, MAX_REQUEST_MS } from "./requests.ts";
import { checkReply } from "./response-checks.ts";
import { OPEND_MESSAGES } from "./secrets.ts";
import { STORED_SYMBOLS, type World } from "./world.ts";

/** A client of one of OpenD's protocols: logs in, requests up to three pages at once, and closes the connection. */

const MARKETS = { HK: 1, US: 11 };
const LOGIN_SECTION = 1;
/** Bytes of the longest message to `/tcp`: shorter than most frames. */
const MAX_PIECE_BYTES = 50;

export async function runOpendClient(
  world: World,
  center: DataCenter,
  callerName: string,
  random: () => number,
): Promise<void> {
  const { report, secrets, published, callers } = world.deps;
  const caller = callers(callerName);
  const queries = Array.from({ length: 1 + Math.floor(random() * 3) }, () => ({
    symbol: pick(STORED_SYMBOLS, random),
    cursor: "",
    num: 1 + Math.floor(random() * 50),
  }));
  const protocol = random() < 0.5 ? WEB_SOCKET : TCP;
  const url = center.origin.replace(/^http/, "ws") + protocol.path;
  const socket = new WebSocket(url, { headers: caller.headers });
  const login = protocol.login(center.requiresKey ? caller.md5 : "");
  const startedAt = performance.now();
  const timer = setTimeout(() => socket.terminate(), MAX_REQUEST_MS * 2);
  let unanswered = queries.length;

  const send = (command: number, section: number, body: Uint8Array) => {
    const frame = protocol.encode({ command, section, body });
    if (protocol === WEB_SOCKET) socket.send(frame);
    else for (const piece of cutAnywhere(frame, random)) socket.send(piece);
  };
  const read = protocol.createReader();
  const check = ({ command, section, error, body }: ReturnType<typeof read>[number]) => {
    if (command === login.command) {
      // The logins of both protocols have the same first fields.
      const { retType } = fromBinary(InitConnect.ResponseSchema, body);
      if (error !== 0 || retType !== 0)
        report.violation("unexpectedError", `login over OpenD's protocol was refused (${error}, ${retType})`);
      for (const [index, query] of queries.entries()) send(3249, index + 2, encodeCall(query));
      return;
    }
    const ms = performance.now() - startedAt;
    report.recordResponse(ms, "call over OpenD's protocol");
    if (ms > MAX_REQUEST_MS)
      report.violation("incompleteRequest", `call over OpenD's protocol took ${Math.round(ms)} ms`);
    unanswered -= 1;
    const query = queries[section - 2];
    const { retType, retMsg } = fromBinary(ShortInterest.ResponseSchema, body);
    if (retType === 0 && query) {
      report.count("requests: × call over OpenD's protocol");
      const checked = checkReply(published, query, body);
      if (typeof checked === "string") report.violation("incorrectResponse", checked);
    } else if (retType === 0 || retMsg === "") {
      report.violation(
        "incompleteRequest",
        "reply over OpenD's protocol without a request, or a refusal without a message",
      );
    } else {
      const message = OPEND_MESSAGES.find((text) => retMsg.startsWith(text)) ?? retMsg;
      report.count(`refused over OpenD's protocol: × ${retType} ${message}`);
    }
    if (unanswered === 0) socket.close();
  };

  await new Promise<void>((resolve) => {
    socket.on("open", () => send(login.command, LOGIN_SECTION, login.body));
    socket.on("message", (data: Buffer) => {
      try {
        const leaked = secrets.findIn(data.toString());
        if (leaked) report.violation("leakedSecret", `'${leaked}' in a reply over OpenD's protocol`);
        for (const reply of read(data)) check(reply);
      } catch (thrown) {
        report.violation("incorrectResponse", `reply over OpenD's protocol: ${errorMessage(thrown)}`);
        socket.terminate();
      }
    });
    socket.on("error", (thrown) => {
      if (!center.isStopping)
        report.violation("unexpectedError", `connection over OpenD's protocol: ${thrown.message}`);
    });
    socket.on("close", () => resolve());
  });
  clearTimeout(timer);
  if (unanswered > 0 && !center.isStopping)
    report.violation("incompleteRequest", "call over OpenD's protocol got no reply");
}

/** The body of a call. */
function encodeCall({ symbol, num }: { symbol: string; num: number }): Uint8Array {
  const market = symbol.startsWith("HK.") ? MARKETS.HK : MARKETS.US;
  const message = create(ShortInterest.RequestSchema, {
    c2s: { security: { market, code: symbol.slice(3) }, num },
  });
  return toBinary(ShortInterest.RequestSchema, message);
}

/** Cuts bytes into messages of random sizes. */
function* cutAnywhere(bytes: Buffer, random: () => number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + Math.floor(random() * MAX_PIECE_BYTES);
    yield bytes.subarray(at, end);
    at = end;
  }
}
