import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { WebSocket } from "ws";
import { decodeReply, encodeRequest } from "../../functions/opend/frame.ts";
import * as Login from "../../gen/InitWebSocket_pb.js";
import * as ShortInterest from "../../gen/Qot_GetShortInterest_pb.js";
import type { DataCenter } from "./data-centers.ts";
import { pick } from "./plan.ts";
import { errorMessage, MAX_REQUEST_MS } from "./requests.ts";
import { checkReply } from "./response-checks.ts";
import { OPEND_MESSAGES } from "./secrets.ts";
import { STORED_SYMBOLS, type World } from "./world.ts";

/** A client of OpenD's protocol: logs in, requests up to three pages at once, and closes the connection. */

const MARKETS = { HK: 1, US: 11 };
const LOGIN_SECTION = 1n;

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
  const socket = new WebSocket(center.origin.replace(/^http/, "ws"), { headers: caller.headers });
  const startedAt = performance.now();
  const timer = setTimeout(() => socket.terminate(), MAX_REQUEST_MS * 2);
  let unanswered = queries.length;

  const check = (bytes: Uint8Array) => {
    const { command, section, error, body } = decodeReply(bytes);
    const leaked = secrets.findIn(Buffer.from(bytes).toString());
    if (leaked) report.violation("leakedSecret", `'${leaked}' in a reply over OpenD's protocol`);
    if (command === 1) {
      const { retType } = fromBinary(Login.ResponseSchema, body);
      if (error !== 0 || retType !== 0)
        report.violation("unexpectedError", `login over OpenD's protocol was refused (${error}, ${retType})`);
      for (const [index, query] of queries.entries()) socket.send(encodeCall(BigInt(index) + 2n, query));
      return;
    }
    const ms = performance.now() - startedAt;
    report.recordResponse(ms, "call over OpenD's protocol");
    if (ms > MAX_REQUEST_MS)
      report.violation("incompleteRequest", `call over OpenD's protocol took ${Math.round(ms)} ms`);
    unanswered -= 1;
    const query = queries[Number(section) - 2];
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
    socket.on("open", () => socket.send(encodeLogin(center.requiresKey ? caller.md5 : "")));
    socket.on("message", (data: Buffer) => {
      try {
        check(data);
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

function encodeLogin(websocketKey: string): Uint8Array {
  const message = create(Login.RequestSchema, { c2s: { websocketKey } });
  return encodeRequest({ command: 1, section: LOGIN_SECTION, body: toBinary(Login.RequestSchema, message) });
}

function encodeCall(section: bigint, { symbol, num }: { symbol: string; num: number }): Uint8Array {
  const market = symbol.startsWith("HK.") ? MARKETS.HK : MARKETS.US;
  const message = create(ShortInterest.RequestSchema, {
    c2s: { security: { market, code: symbol.slice(3) }, num },
  });
  const body = toBinary(ShortInterest.RequestSchema, message);
  return encodeRequest({ command: 3249, section, body });
}
