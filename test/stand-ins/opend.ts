import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type WebSocket, WebSocketServer } from "ws";
import { decodeRequest, encodeReply, type RequestFrame } from "../../functions/opend/frame.ts";
import * as Login from "../../gen/InitWebSocket_pb.js";
import * as KeepAlive from "../../gen/KeepAlive_pb.js";
import { QotMarket } from "../../gen/Qot_Common_pb.js";
import * as ShortInterest from "../../gen/Qot_GetShortInterest_pb.js";
import { maxCallsInWindow } from "../support/max-calls.ts";
import { type CursorKind, cursorOf, startOf } from "./opend-cursors.ts";
import {
  CALL_FAULTS,
  type FaultEffect,
  LOGIN_FAULTS,
  REFUSALS,
  type WrongReply,
  wrongRange,
} from "./opend-faults.ts";
import { hkHistory, isForbidden, usHistory } from "./sample-data.ts";

/** Options of the stand-in for OpenD. */
export interface OpendOptions {
  /** The key as plain text. No key is required if empty. */
  readonly key?: string;
  /** Calls allowed in a window. OpenD allows 30 in 30 s. */
  readonly limit?: number;
  readonly windowMs?: number;
  /** Minimum and maximum of the random delay of each request, in milliseconds. */
  readonly delayMs?: readonly [number, number];
  readonly cursors?: CursorKind;
  /** A cursor that is not a number returns the newest rows, in place of a refusal. */
  readonly toleratesCursors?: boolean;
  /** The number of newest rows that are not yet published. */
  readonly unpublished?: number;
  /** One share became this many, and all rows are rewritten. */
  readonly split?: number;
  /** The text with which every call is refused. */
  readonly refusal?: string;
  /** The RSA key of OpenD. A login without it gets no reply. */
  readonly rsaPrivateKey?: string;
  /** Wrong replies for single securities. */
  readonly wrongReplies?: readonly WrongReply[];
  /** The fault of every connection, login or call. */
  readonly fault?: string;
  /** The required value of `CF-Access-Client-Secret`, as behind a Cloudflare Access tunnel. */
  readonly accessClientSecret?: string;
}

/** Counters of a stand-in. */
export interface OpendStats {
  readonly connections: number;
  readonly maxConnections: number;
  /** Requested WebSocket upgrades, accepted or not. */
  readonly upgrades: number;
  /** Short-interest calls that arrived. */
  readonly calls: number;
  /** Calls refused because of the limit. */
  readonly refused: number;
  /** Calls that got one of the option's `wrongReplies`. */
  readonly wrongReplies: number;
  /** The highest number of calls in any window. */
  readonly maxCallsInWindow: number;
  /** Bodies of the calls as hexadecimal text. */
  readonly bodies: readonly string[];
  /** What the logins sent. */
  readonly logins: readonly { readonly clientID: string; readonly rsaPrivateKey: string }[];
}

export interface StandInOpend {
  readonly url: string;
  readonly stats: () => OpendStats;
  readonly set: (options: Partial<OpendOptions>) => void;
  readonly close: () => Promise<void>;
}

const MAX_CONNECTIONS = 128;

/** Starts an OpenD on loopback with sample data, and with the limit of the real one. */
export async function startOpend(initial: OpendOptions = {}, port = 0): Promise<StandInOpend> {
  let options = initial;
  const sockets = new Set<WebSocket>();
  const raw = new Set<Duplex>();
  const arrivals: number[] = [];
  const granted: number[] = [];
  const bodies: string[] = [];
  const logins: { clientID: string; rsaPrivateKey: string }[] = [];
  let maxConnections = 0;
  let refused = 0;
  let upgrades = 0;
  /** The number of calls that got each wrong reply. */
  const wrongReplyCounts = new Map<WrongReply, number>();

  const http = createServer((_, response) => response.writeHead(426).end());
  const server = new WebSocketServer({ noServer: true });
  http.on("connection", (socket) => {
    raw.add(socket);
    socket.on("close", () => raw.delete(socket));
    if (options.fault === "reset") socket.destroy();
  });
  http.on("upgrade", (request, socket, head) => {
    upgrades += 1;
    if (options.fault === "redirect") {
      socket.end("HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
      return;
    }
    if (options.fault === "silent after upgrade") {
      // Accepts the upgrade, and then neither replies nor closes.
      const key = `${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
      const accepted = createHash("sha1").update(key).digest("base64");
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accepted}\r\n\r\n`,
      );
      socket
        .on("end", () => socket.end())
        .on("error", () => socket.destroy())
        .resume();
      return;
    }
    if (options.fault === "hanging connect") {
      // Keeps reading, to notice when the client closes the connection.
      socket
        .on("end", () => socket.end())
        .on("error", () => socket.destroy())
        .resume();
      return;
    }
    const wrongSecret =
      options.accessClientSecret !== undefined &&
      request.headers["cf-access-client-secret"] !== options.accessClientSecret;
    if (options.fault === "not a WebSocket" || wrongSecret) {
      socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
      return;
    }
    if (sockets.size >= MAX_CONNECTIONS) return socket.destroy();
    server.handleUpgrade(request, socket, head, accept);
  });

  function accept(socket: WebSocket): void {
    sockets.add(socket);
    maxConnections = Math.max(maxConnections, sockets.size);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.terminate());
    let loggedIn = false;
    let previous: Promise<void> = Promise.resolve();
    socket.on("message", (data: Buffer) => {
      previous = previous.then(delay).then(() => {
        const request = decodeRequest(data);
        if (request.command === 1) {
          const [frames, success] = answerLogin(request);
          loggedIn = success;
          send(socket, frames);
        } else if (loggedIn) {
          send(socket, answerRequest(request));
        }
      });
      // OpenD drops a connection that sends an unreadable frame.
      previous.catch(() => socket.terminate());
    });
  }

  async function delay(): Promise<void> {
    const [min, max] = options.delayMs ?? [0, 0];
    if (max > 0) await new Promise((resolve) => setTimeout(resolve, min + Math.random() * (max - min)));
  }

  function answerLogin(request: RequestFrame): [FaultEffect, boolean] {
    const fault = LOGIN_FAULTS[options.fault ?? ""];
    if (fault) return [fault(request), false];
    const { c2s } = fromBinary(Login.RequestSchema, request.body);
    logins.push({ clientID: c2s?.clientID ?? "", rsaPrivateKey: c2s?.RSAPrivateKey ?? "" });
    if (options.rsaPrivateKey && c2s?.RSAPrivateKey !== options.rsaPrivateKey) return ["silence", false];
    const key = options.key ? createHash("md5").update(options.key).digest("hex") : "";
    const isAccepted = (c2s?.websocketKey ?? "") === key;
    const response = isAccepted
      ? {
          retType: 0,
          s2c: { serverTime: BigInt(Math.floor(Date.now() / 1_000)), connID: 7459212718233353666n },
        }
      : { retType: -1, retMsg: "" };
    return [
      [reply(request, toBinary(Login.ResponseSchema, create(Login.ResponseSchema, response)))],
      isAccepted,
    ];
  }

  function answerRequest(request: RequestFrame): FaultEffect {
    if (request.command === 1004) {
      const s2c = { time: BigInt(Math.floor(Date.now() / 1_000)) };
      return [
        reply(
          request,
          toBinary(KeepAlive.ResponseSchema, create(KeepAlive.ResponseSchema, { retType: 0, s2c })),
        ),
      ];
    }
    if (request.command !== 3249) return "silence";
    bodies.push(Buffer.from(request.body).toString("hex"));
    const { limit = 30, windowMs = 30_000 } = options;
    const now = performance.now();
    arrivals.push(now);
    // Call 1 and call 31 must be more than a window apart.
    while (granted[0] !== undefined && now - granted[0] > windowMs) granted.shift();
    const allowed = granted.length < limit;
    if (allowed) granted.push(now);
    else refused += 1;
    const response = allowed ? page(request) : { retType: -1, retMsg: REFUSALS.frequency };
    const message = create(ShortInterest.ResponseSchema, response);
    const correct = reply(request, toBinary(ShortInterest.ResponseSchema, message));
    return CALL_FAULTS[options.fault ?? ""]?.(request, correct) ?? [correct];
  }

  function page(request: RequestFrame) {
    const { c2s } = fromBinary(ShortInterest.RequestSchema, request.body);
    const { code = "", market = 0 } = c2s?.security ?? {};
    const { nextKey = "", num = 10 } = c2s ?? {};
    if (options.refusal !== undefined) return { retType: -1, retMsg: options.refusal };
    if (isForbidden(code)) return { retType: -1, retMsg: REFUSALS.noPermission };
    const hk = market === QotMarket.QotMarket_HK_Security ? hkHistory(code, options.split) : undefined;
    const us = market === QotMarket.QotMarket_US_Security ? usHistory(code, options.split) : undefined;
    const all = hk ?? us;
    if (all === undefined) return { retType: -1, retMsg: REFUSALS.unknownStock };
    const rowsWanted = Math.min(50, Math.max(1, num === 0 ? 10 : num));
    const range = rangeOf(`${hk ? "HK" : "US"}.${code}`, nextKey, rowsWanted);
    if (typeof range === "string") return { retType: -1, retMsg: range };
    const history = all.slice(...range);
    const { cursors = "timestamp", toleratesCursors = false } = options;
    const isTolerated = toleratesCursors && Number.isNaN(Number(nextKey));
    const from = isTolerated ? 0 : startOf(cursors, history, nextKey, rowsWanted);
    if (!Number.isInteger(from)) return { retType: -1, retMsg: "nextKey" };
    const to = from + rowsWanted;
    const last = history[to - 1];
    const next =
      to >= history.length || last === undefined ? "-1" : cursorOf(cursors, to, last.timestamp, rowsWanted);
    return {
      retType: 0,
      retMsg: "",
      errCode: 0,
      s2c: {
        hkItemList: hk?.slice(...range).slice(from, to) ?? [],
        usItemList: us?.slice(...range).slice(from, to) ?? [],
        nextKey: next,
      },
    };
  }

  /** The range of rows that are visible to a call, or the message of its refusal. */
  function rangeOf(symbol: string, nextKey: string, rowsWanted: number): [number, number] | string {
    const { unpublished = 0, wrongReplies = [], fault = "" } = options;
    const published: [number, number] = [unpublished, Number.POSITIVE_INFINITY];
    const wrong = wrongReplies.find(
      (reply) => reply.symbol === symbol && (wrongReplyCounts.get(reply) ?? 0) < reply.times,
    );
    if (!wrong || nextKey !== "" || fault in CALL_FAULTS) return published;
    wrongReplyCounts.set(wrong, (wrongReplyCounts.get(wrong) ?? 0) + 1);
    const range = wrongRange(wrong, rowsWanted);
    return typeof range === "string" ? range : [unpublished + range[0], unpublished + range[1]];
  }

  await new Promise<void>((resolve) => http.listen(port, "127.0.0.1", resolve));
  const { port: actual } = http.address() as AddressInfo;
  return {
    url: `ws://127.0.0.1:${actual}`,
    set: (changes) => {
      options = { ...options, ...changes };
    },
    stats: () => ({
      connections: raw.size,
      maxConnections,
      upgrades,
      calls: arrivals.length,
      refused,
      wrongReplies: [...wrongReplyCounts.values()].reduce((sum, times) => sum + times, 0),
      maxCallsInWindow: maxCallsInWindow(arrivals, options.windowMs ?? 30_000),
      bodies,
      logins,
    }),
    async close() {
      for (const socket of raw) socket.destroy();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

function reply(request: RequestFrame, body: Uint8Array): Uint8Array {
  return encodeReply({ ...request, body, error: 0, errorText: "" });
}

function send(socket: WebSocket, frames: FaultEffect): void {
  if (frames === "drop") socket.terminate();
  else if (frames !== "silence") for (const frame of frames) socket.send(frame);
}
