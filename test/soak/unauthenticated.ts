import { createHash, randomBytes } from "node:crypto";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { WebSocket } from "ws";
import { decodeReply, encodeRequest } from "../../functions/opend/frame.ts";
import * as Login from "../../gen/InitWebSocket_pb.js";
import { randomFrom } from "../stand-ins/sample-data.ts";
import type { DataCenter } from "./data-centers.ts";
import { delay } from "./fairness.ts";
import { InFlight } from "./in-flight.ts";
import { pick, randomInteger } from "./plan.ts";
import { errorMessage } from "./requests.ts";
import type { World } from "./world.ts";

/** OpenD protocol connections that never log in. The Worker must close all of them in time. */

const INIT_WEB_SOCKET = 1;
const GET_SHORT_INTEREST = 3249;
/** The Worker closes a connection without a successful login after this time. */
const MAX_LOGIN_MS = 10_000;
/** After a protocol error a connection is closed immediately. This value is a tolerance. */
const MAX_PROTOCOL_ERROR_MS = 2_000;
/** After a refused login the Worker closes the connection within this time. */
const MAX_REFUSED_LOGIN_MS = 5_000;
/** Delay of this machine, and of the development server. */
const TOLERANCE_MS = 2_000;
/** Size of an oversized frame. The maximum for a request is 64 KiB. */
const OVERSIZED_BYTES = 256 * 1_024;
const MAX_OPEN = 8;

interface ConnectionKind {
  readonly name: string;
  /** Creates a frame; undefined for a silent connection. */
  readonly frame?: () => Uint8Array | string;
  /** Interval at which the frame is repeated. */
  readonly intervalMs?: number;
  /** The connection must be closed within this time. */
  readonly maxOpenMs: number;
  /** Whether the data center must require an API key. */
  readonly requiresKey?: boolean;
}

const frameOf = (command: number, body: Uint8Array) => encodeRequest({ command, section: 7n, body });
const loginWith = (websocketKey: string) => {
  const message = create(Login.RequestSchema, { c2s: { websocketKey } });
  return frameOf(INIT_WEB_SOCKET, toBinary(Login.RequestSchema, message));
};

/**
 * `ws` compresses the oversized frames, and the development server decompresses them. So tests in `test/workers/`
 * check the memory of the Worker.
 */
const KINDS: readonly ConnectionKind[] = [
  { name: "silent", maxOpenMs: MAX_LOGIN_MS },
  {
    name: "unreadable logins",
    frame: () => frameOf(INIT_WEB_SOCKET, new Uint8Array([0xff, 0xff, 0xff])),
    intervalMs: 700,
    maxOpenMs: MAX_LOGIN_MS,
  },
  {
    name: "requests",
    frame: () => frameOf(GET_SHORT_INTEREST, new Uint8Array()),
    intervalMs: 700,
    maxOpenMs: MAX_LOGIN_MS,
  },
  {
    name: "oversized frames",
    frame: () => frameOf(INIT_WEB_SOCKET, new Uint8Array(OVERSIZED_BYTES)),
    intervalMs: 300,
    maxOpenMs: MAX_PROTOCOL_ERROR_MS,
  },
  {
    name: "invalid frames",
    frame: () => new Uint8Array(64),
    intervalMs: 300,
    maxOpenMs: MAX_PROTOCOL_ERROR_MS,
  },
  { name: "text", frame: () => "GET / HTTP/1.1\r\n\r\n", intervalMs: 300, maxOpenMs: MAX_PROTOCOL_ERROR_MS },
  {
    name: "wrong keys",
    frame: () => loginWith(createHash("md5").update(randomBytes(16)).digest("hex")),
    maxOpenMs: MAX_REFUSED_LOGIN_MS,
    requiresKey: true,
  },
];

/** Opens connections until the run ends, and waits until all of them are closed. */
export async function openUnauthenticated(world: World): Promise<void> {
  const inFlight = new InFlight(world.deps.report);
  for (let step = 0; !world.isEnded; step += 1) {
    const random = randomFrom(`${world.deps.seed} unauthenticated ${step}`);
    await delay(randomInteger(random, 800, 2_000));
    const kind = pick(KINDS, random);
    const centers = world.deps.centers.all().filter(({ requiresKey }) => requiresKey || !kind.requiresKey);
    const center = centers[randomInteger(random, 0, centers.length - 1)];
    if (center && inFlight.size < MAX_OPEN) inFlight.add(openConnection(world, center, kind, step));
  }
  await inFlight.settle();
}

async function openConnection(
  world: World,
  center: DataCenter,
  kind: ConnectionKind,
  step: number,
): Promise<void> {
  const { report, callers } = world.deps;
  const { headers } = callers(`refused-${step % 4}`);
  const socket = new WebSocket(center.origin.replace(/^http/, "ws"), { headers, handshakeTimeout: 30_000 });
  const { name, frame, intervalMs, maxOpenMs } = kind;
  const timeoutMs = maxOpenMs + TOLERANCE_MS;
  let openedAt = 0;
  let isOpenTooLong = false;
  const send = () => {
    if (frame && socket.readyState === WebSocket.OPEN) socket.send(frame());
  };
  let repeat: ReturnType<typeof setInterval> | undefined;
  let timeout: ReturnType<typeof setTimeout> | undefined;
  await new Promise<void>((resolve) => {
    socket.on("open", () => {
      openedAt = performance.now();
      send();
      if (intervalMs !== undefined) repeat = setInterval(send, intervalMs);
      timeout = setTimeout(() => {
        isOpenTooLong = true;
        socket.terminate();
      }, timeoutMs);
    });
    socket.on("message", (data: Buffer) => checkRefusal(world, name, data));
    socket.on("error", (thrown) => {
      if (!center.isStopping)
        report.violation("unexpectedError", `unauthenticated connection: ${thrown.message}`);
    });
    socket.on("close", () => resolve());
  });
  clearInterval(repeat);
  clearTimeout(timeout);
  if (center.isStopping || openedAt === 0) return;
  report.count(`unauthenticated connections: × ${name}`);
  if (isOpenTooLong)
    report.violation(
      "incompleteRequest",
      `unauthenticated connection (${name}) still open after ${timeoutMs} ms`,
    );
}

/** A reply must be a refusal, and must not contain a secret. */
function checkRefusal({ deps: { report, secrets } }: World, name: string, bytes: Uint8Array): void {
  const leaked = secrets.findIn(Buffer.from(bytes).toString());
  if (leaked) report.violation("leakedSecret", `'${leaked}' in a reply to an unauthenticated connection`);
  try {
    const { error, body } = decodeReply(bytes);
    // All responses of OpenD have the same first fields.
    const { retType } = fromBinary(Login.ResponseSchema, body);
    if (error === 0 && retType === 0)
      report.violation("exhaustedResource", `unauthenticated connection (${name}) got a successful reply`);
  } catch (thrown) {
    report.violation("unexpectedError", `reply to an unauthenticated connection: ${errorMessage(thrown)}`);
  }
}
