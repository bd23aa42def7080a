import { createGateway, roomOf } from "../gateway.ts";
import { admitAddress, admitOpendClient } from "../http/access.ts";
import type { RouteContext } from "../scope.ts";
import { createAnswerer } from "./answerer.ts";
import { SOCKET_LIMITS, serveConnection } from "./connection.ts";

/** `GET /` with `Upgrade: websocket`: an OpenD, as far as its own clients can tell. */
export async function openSocket(context: RouteContext): Promise<Response> {
  const { config, trace } = context.var;
  const { headers } = context.req.raw;
  const origin = new URL(context.req.url).origin;
  const keyless = config.access.apiKeys === undefined;
  if (keyless) await admitAddress(headers, config.access);
  const room = roomOf(trace, config.subrequests);
  const { 0: client, 1: server } = new WebSocketPair();
  const answerer = createAnswerer({
    logIn: (md5) => admitOpendClient(headers, md5, config.access),
    async pagesFor(name) {
      if (keyless) await admitAddress(headers, config.access);
      const background = (work: Promise<unknown>) => context.executionCtx.waitUntil(work);
      return createGateway(config, { client: name, origin, trace, room, background });
    },
    room,
    now: Date.now,
  });
  serveConnection(server, answerer, SOCKET_LIMITS);
  return new Response(null, { status: 101, webSocket: client });
}
