import { createHash, randomBytes } from "node:crypto";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { WebSocket } from "ws";
import { decodeReply, encodeRequest } from "../../functions/opend/frame.ts";
import * as Login from "../../gen/InitWebSocket_pb.js";
import { randomFrom } from "../stand-ins/sample-data.ts";
import type { DataCentre } from "./data-centers.ts";
import { Underway } from "./in-flight.ts";
import { pick, whole } from "./plan.ts";
import { told } from "./requests.ts";
import { pause } from "./sharing.ts";
import type { World } from "./world.ts";

/** Connections for OpenD's protocol that never log in. The Worker must close each of them in time. */

const INIT_WEB_SOCKET = 1;
const GET_SHORT_INTEREST = 3249;
/** The Worker closes a connection without a login after this time. */
const LOGIN_MS = 10_000;
/** A connection that has broken the protocol is closed at once; this is what the machine may add. */
const AT_ONCE_MS = 2_000;
/** After a refused login the Worker still refuses requests for a moment. */
const REFUSED_MS = 5_000;
/** Added by this machine, and by the development server in between. */
const MACHINE_MS = 2_000;
/** A frame of a request has 64 KiB at most. */
const TOO_LONG = 256 * 1_024;
const MAX_OPEN = 8;

interface Kind {
  readonly name: string;
  /** The frame that is sent; none for a silent connection. */
  readonly frame?: () => Uint8Array | string;
  /** It is sent again and again. */
  readonly everyMs?: number;
  /** It must be closed so soon. */
  readonly closedMs: number;
  /** Whether the data center must require keys. */
  readonly keyed?: boolean;
}

const frameOf = (command: number, body: Uint8Array) => encodeRequest({ command, section: 7n, body });
const loginWith = (websocketKey: string) => {
  const message = create(Login.RequestSchema, { c2s: { websocketKey } });
  return frameOf(INIT_WEB_SOCKET, toBinary(Login.RequestSchema, message));
};

/**
 * `ws` compresses the over-long frames. The development server in front of the Worker accepts that and inflates them,
 * so the memory of the Worker itself is a subject of `test/workers/`.
 */
const KINDS: readonly Kind[] = [
  { name: "silent", closedMs: LOGIN_MS },
  {
    name: "unreadable logins",
    frame: () => frameOf(INIT_WEB_SOCKET, new Uint8Array([0xff, 0xff, 0xff])),
    everyMs: 700,
    closedMs: LOGIN_MS,
  },
  {
    name: "requests",
    frame: () => frameOf(GET_SHORT_INTEREST, new Uint8Array()),
    everyMs: 700,
    closedMs: LOGIN_MS,
  },
  {
    name: "over-long frames",
    frame: () => frameOf(INIT_WEB_SOCKET, new Uint8Array(TOO_LONG)),
    everyMs: 300,
    closedMs: AT_ONCE_MS,
  },
  { name: "no frame of OpenD", frame: () => new Uint8Array(64), everyMs: 300, closedMs: AT_ONCE_MS },
  { name: "text", frame: () => "GET / HTTP/1.1\r\n\r\n", everyMs: 300, closedMs: AT_ONCE_MS },
  {
    name: "wrong keys",
    frame: () => loginWith(createHash("md5").update(randomBytes(16)).digest("hex")),
    closedMs: REFUSED_MS,
    keyed: true,
  },
];

/** Opens connections until the run ends, and waits until all are closed. */
export async function openWithoutLogin(world: World): Promise<void> {
  const underway = new Underway(world.parts.report);
  for (let at = 0; !world.ended; at += 1) {
    const random = randomFrom(`${world.parts.seed} without a login ${at}`);
    await pause(whole(random, 800, 2_000));
    const kind = pick(KINDS, random);
    const centres = world.parts.centres.all().filter(({ keyed }) => keyed || !kind.keyed);
    const centre = centres[whole(random, 0, centres.length - 1)];
    if (centre && underway.size < MAX_OPEN) underway.add(openOne(world, centre, kind, at));
  }
  await underway.end();
}

async function openOne(world: World, centre: DataCentre, kind: Kind, at: number): Promise<void> {
  const { report, callers } = world.parts;
  const { headers } = callers(`refused-${at % 4}`);
  const socket = new WebSocket(centre.origin.replace(/^http/, "ws"), { headers, handshakeTimeout: 30_000 });
  const { name, frame, everyMs, closedMs } = kind;
  const mostMs = closedMs + MACHINE_MS;
  let openedAt = 0;
  let isLate = false;
  const send = () => {
    if (frame && socket.readyState === WebSocket.OPEN) socket.send(frame());
  };
  let trackBody: ReturnType<typeof setInterval> | undefined;
  let ending: ReturnType<typeof setTimeout> | undefined;
  await new Promise<void>((resolve) => {
    socket.on("open", () => {
      openedAt = performance.now();
      send();
      if (everyMs !== undefined) trackBody = setInterval(send, everyMs);
      ending = setTimeout(() => {
        isLate = true;
        socket.terminate();
      }, mostMs);
    });
    socket.on("message", (data: Buffer) => checkRefusal(world, name, data));
    socket.on("error", (thrown) => {
      if (!centre.gone) report.violated("surprise", `a connection without a login: ${thrown.message}`);
    });
    socket.on("close", () => resolve());
  });
  clearInterval(trackBody);
  clearTimeout(ending);
  if (centre.gone || openedAt === 0) return;
  report.count(`connections without a login: ${name}`);
  if (isLate) report.violated("ends", `a connection without a login (${name}) was open after ${mostMs} ms`);
}

/** No reply may let the client in, or tell it a secret. */
function checkRefusal({ parts: { report, secrets } }: World, name: string, bytes: Uint8Array): void {
  const leaked = secrets.foundIn(Buffer.from(bytes).toString());
  if (leaked) report.violated("secrets", `'${leaked}' in a reply to a connection without a login`);
  try {
    const { error, body } = decodeReply(bytes);
    // All responses of OpenD begin with the same fields.
    const { retType } = fromBinary(Login.ResponseSchema, body);
    if (error === 0 && retType === 0) report.violated("fair", `${name} were answered without a login`);
  } catch (thrown) {
    report.violated("surprise", `a reply to a connection without a login: ${told(thrown)}`);
  }
}
