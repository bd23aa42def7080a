import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type WebSocket, WebSocketServer } from "ws";
import { decodeRequest, encodeReply, type RequestFrame } from "../../functions/opend/frame.ts";
import * as GlobalState from "../../gen/GetGlobalState_pb.js";
import * as Login from "../../gen/InitWebSocket_pb.js";
import * as KeepAlive from "../../gen/KeepAlive_pb.js";
import * as ShortInterest from "../../gen/Qot_GetShortInterest_pb.js";
import { maxCallsInWindow } from "../support/max-calls.ts";
import {
  CALL_FAULTS,
  ENGLISH_REFUSALS,
  type FaultEffect,
  LOGIN_FAULTS,
  loginRefusal,
  REFUSALS,
  type WrongReply,
} from "./opend-faults.ts";
import { type PageOptions, pageReply } from "./opend-pages.ts";

/** Options of the stand-in for OpenD. */
export interface OpendOptions extends PageOptions {
  /** The key as plain text. No key is required if empty. */
  readonly key?: string;
  /** Calls allowed in a window. OpenD allows 30 in 30 s. */
  readonly limit?: number;
  readonly windowMs?: number;
  /** Minimum and maximum of the random delay of each request, in milliseconds. */
  readonly delayMs?: readonly [number, number];
  /** The RSA key of OpenD. A login without it gets no reply. */
  readonly rsaPrivateKey?: string;
  /** The text with which every login is refused. */
  readonly loginRefusal?: string;
  /** How far OpenD's clock is ahead, in seconds. */
  readonly clockAheadS?: number;
  /** The status of HTTP responses to upgrades, as of a tunnel without OpenD. */
  readonly httpStatus?: number;
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
    if (options.httpStatus !== undefined) {
      socket.end(`HTTP/1.1 ${options.httpStatus} -\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
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

  function serverTime(): bigint {
    return BigInt(Math.floor(Date.now() / 1_000) + (options.clockAheadS ?? 0));
  }

  function answerLogin(request: RequestFrame): [FaultEffect, boolean] {
    const fault = LOGIN_FAULTS[options.fault ?? ""];
    if (fault) return [fault(request), false];
    const { c2s } = fromBinary(Login.RequestSchema, request.body);
    logins.push({ clientID: c2s?.clientID ?? "", rsaPrivateKey: c2s?.RSAPrivateKey ?? "" });
    if (options.loginRefusal !== undefined) return [[loginRefusal(request, options.loginRefusal)], false];
    if (options.rsaPrivateKey && c2s?.RSAPrivateKey !== options.rsaPrivateKey) return ["silence", false];
    const key = options.key ? createHash("md5").update(options.key).digest("hex") : "";
    const isAccepted = (c2s?.websocketKey ?? "") === key;
    const response = isAccepted
      ? {
          retType: 0,
          s2c: { serverTime: serverTime(), connID: 7459212718233353666n },
        }
      : { retType: -1, retMsg: "" };
    return [
      [reply(request, toBinary(Login.ResponseSchema, create(Login.ResponseSchema, response)))],
      isAccepted,
    ];
  }

  function answerRequest(request: RequestFrame): FaultEffect {
    if (request.command === 1004) {
      const message = create(KeepAlive.ResponseSchema, { retType: 0, s2c: { time: serverTime() } });
      return [reply(request, toBinary(KeepAlive.ResponseSchema, message))];
    }
    if (request.command === 1002) {
      const markets = { marketHK: 0, marketUS: 0, marketSH: 0, marketSZ: 0, marketHKFuture: 0 };
      const versions = { serverVer: 1011, serverBuildNo: 7108 };
      const s2c = { ...markets, ...versions, qotLogined: true, trdLogined: false, time: serverTime() };
      const message = create(GlobalState.ResponseSchema, { retType: 0, s2c });
      return [reply(request, toBinary(GlobalState.ResponseSchema, message))];
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
    const response = allowed
      ? pageReply(request, options, wrongReplyCounts)
      : { retType: -1, retMsg: (options.isEnglish ? ENGLISH_REFUSALS : REFUSALS).frequency };
    const message = create(ShortInterest.ResponseSchema, response);
    const correct = reply(request, toBinary(ShortInterest.ResponseSchema, message));
    return CALL_FAULTS[options.fault ?? ""]?.(request, correct) ?? [correct];
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
