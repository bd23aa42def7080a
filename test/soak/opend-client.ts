import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { WebSocket } from "ws";
import { decodeReply, encodeRequest } from "../../functions/opend/frame.ts";
import * as Login from "../../gen/InitWebSocket_pb.js";
import * as ShortInterest from "../../gen/Qot_GetShortInterest_pb.js";
import { checkReply } from "./answers.ts";
import type { DataCentre } from "./data-centers.ts";
import { pick } from "./plan.ts";
import { MOST_MS, told } from "./requests.ts";
import { OPEND_WORDS } from "./secrets.ts";
import { KEPT, type World } from "./world.ts";

/** One of OpenD's own clients: logs in, requests a few pages at once, and closes. */

const MARKETS = { HK: 1, US: 11 };
const LOGIN_SECTION = 1n;

export async function talk(
  world: World,
  centre: DataCentre,
  caller: string,
  random: () => number,
): Promise<void> {
  const { report, secrets, published, callers } = world.parts;
  const who = callers(caller);
  const wishes = Array.from({ length: 1 + Math.floor(random() * 3) }, () => ({
    symbol: pick(KEPT, random),
    cursor: "",
    num: 1 + Math.floor(random() * 50),
  }));
  const socket = new WebSocket(centre.origin.replace(/^http/, "ws"), { headers: who.headers });
  const began = performance.now();
  const timer = setTimeout(() => socket.terminate(), MOST_MS * 2);
  let unanswered = wishes.length;

  const check = (bytes: Uint8Array) => {
    const { command, section, error, body } = decodeReply(bytes);
    const leaked = secrets.foundIn(Buffer.from(bytes).toString());
    if (leaked) report.violated("secrets", `'${leaked}' in a reply to one of OpenD's clients`);
    if (command === 1) {
      const { retType } = fromBinary(Login.ResponseSchema, body);
      if (error !== 0 || retType !== 0)
        report.violated("surprise", `a login was refused (${error}, ${retType})`);
      for (const [at, wish] of wishes.entries()) socket.send(encodeCall(BigInt(at) + 2n, wish));
      return;
    }
    const ms = performance.now() - began;
    report.answered(ms, "a call over OpenD's protocol");
    if (ms > MOST_MS) report.violated("ends", `a call over OpenD's protocol took ${Math.round(ms)} ms`);
    unanswered -= 1;
    const wish = wishes[Number(section) - 2];
    const { retType, retMsg } = fromBinary(ShortInterest.ResponseSchema, body);
    if (retType === 0 && wish) {
      report.count("read: calls over OpenD's protocol");
      const checked = checkReply(published, wish, body);
      if (typeof checked === "string") report.violated("cached", checked);
    } else if (retType === 0 || retMsg === "") {
      report.violated("ends", "a reply over OpenD's protocol to no request, or a refusal without a text");
    } else {
      const words = OPEND_WORDS.find((each) => retMsg.startsWith(each)) ?? retMsg;
      report.count(`refused over OpenD's protocol: × ${retType} ${words}`);
    }
    if (unanswered === 0) socket.close();
  };

  await new Promise<void>((resolve) => {
    socket.on("open", () => socket.send(encodeLogin(centre.keyed ? who.md5 : "")));
    socket.on("message", (data: Buffer) => {
      try {
        check(data);
      } catch (thrown) {
        report.violated("cached", `a reply over OpenD's protocol: ${told(thrown)}`);
        socket.terminate();
      }
    });
    socket.on("error", (thrown) => {
      if (!centre.gone) report.violated("surprise", `a connection for OpenD's protocol: ${thrown.message}`);
    });
    socket.on("close", () => resolve());
  });
  clearTimeout(timer);
  if (unanswered > 0 && !centre.gone)
    report.violated("ends", "a call over OpenD's protocol was not answered");
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
