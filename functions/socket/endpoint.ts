import { Failure, type FailureCode } from "../failure.ts";
import { createGateway, roomOf } from "../gateway.ts";
import { authenticateOpendClient, limitAddress, limitRequests } from "../http/auth.ts";
import type { Room } from "../pages/room.ts";
import type { PageSource } from "../pages/source.ts";
import type { RouteContext } from "../scope.ts";
import { createRecorder } from "../telemetry/recorder.ts";
import { createTrace } from "../trace.ts";
import { createAnswerer } from "./answerer.ts";
import { SOCKET_LIMITS, serveConnection } from "./connection.ts";

const ROUTE = "Qot_GetShortInterest";

/** `GET /` with `Upgrade: websocket`: an OpenD, as far as its own clients can tell. */
export async function openSocket(context: RouteContext): Promise<Response> {
  const { config, trace } = context.var;
  const { headers } = context.req.raw;
  // With keys too: a connection costs memory before its key is known.
  await limitAddress(headers, config.access);
  const room = roomOf(trace, config.subrequests);
  const { 0: client, 1: server } = new WebSocketPair();
  const answerer = createAnswerer({
    logIn: (md5) => authenticateOpendClient(headers, md5, config.access),
    async pagesFor(name) {
      await limitRequests(name, config.access);
      return recorded(context, name, room);
    },
    room,
    now: Date.now,
  });
  serveConnection(server, answerer, SOCKET_LIMITS, () => {
    context.executionCtx.abort(new Error("A client of OpenD's protocol did not answer the close frame"));
  });
  return new Response(null, { status: 101, webSocket: client });
}

/** The way to the page of one request, which is written down as one. */
function recorded(context: RouteContext, client: string, room: Room): PageSource {
  const { config, requestId } = context.var;
  const origin = new URL(context.req.url).origin;
  const trace = createTrace(Date.now, context.var.trace);
  const { background, end } = createRecorder((work) => context.executionCtx.waitUntil(work));
  const pages = createGateway(config, { client, origin, trace, room, background });
  return {
    ...pages,
    async page(symbol, cursor, num) {
      const began = Date.now();
      let code: FailureCode | undefined;
      try {
        return await pages.page(symbol, cursor, num);
      } catch (thrown) {
        code = Failure.from(thrown).code;
        throw thrown;
      } finally {
        end({ route: ROUTE, requestId, code, client, ms: Date.now() - began }, trace, config.upstash);
      }
    },
  };
}
