import type { Next } from "hono";
import { Failure, type FailureCode } from "../errors.ts";
import { authenticateOpendClient, limitAddress, limitRequests } from "../http/auth.ts";
import type { AppContext, Middleware } from "../middleware/app-env.ts";
import { createPageSource } from "../page-source/create-page-source.ts";
import type { PageSource } from "../page-source/page-source.ts";
import { budgetFor, type SubrequestBudget } from "../page-source/subrequest-budget.ts";
import { createRequestLogger } from "../telemetry/request-logger.ts";
import { createRequestStats } from "../telemetry/request-stats.ts";
import { createCommandHandler } from "./command-handler.ts";
import { SOCKET_LIMITS, serveConnection } from "./connection.ts";
import type { Framing } from "./framing.ts";
import { initConnect, initWebSocket, type Login } from "./logins.ts";
import { createTcpFraming } from "./tcp-framing.ts";
import { websocketFraming } from "./websocket-framing.ts";

const ROUTE = "Qot_GetShortInterest";

const isUpgrade = ({ req }: AppContext) => req.header("Upgrade")?.toLowerCase() === "websocket";

/** Runs the route, unless the request upgrades to a WebSocket: then it continues with the next handler. */
export function unlessUpgrade(route: (context: AppContext) => Promise<Response>) {
  return async (context: AppContext, next: Next): Promise<Response | undefined> => {
    if (!isUpgrade(context)) return route(context);
    await next();
  };
}

/** @throws Failure `upgrade_required` unless the request upgrades to a WebSocket */
export const requireUpgrade: Middleware = async (context, next) => {
  if (!isUpgrade(context)) throw new Failure("upgrade_required", "This path accepts WebSocket upgrades only");
  await next();
};

/** `GET /` with `Upgrade: websocket`: serves OpenD's WebSocket protocol. */
export async function acceptWebSocketClient(context: AppContext): Promise<Response> {
  const { config } = context.var;
  const { headers } = context.req.raw;
  // Even if keys are required: a connection costs memory before its key is checked.
  await limitAddress(headers, config.auth);
  const authenticate = (md5: string) => authenticateOpendClient(headers, md5, config.auth);
  return accept(context, websocketFraming, initWebSocket(authenticate, Date.now));
}

/** `GET /tcp` with `Upgrade: websocket`: serves the byte stream of OpenD's TCP protocol to an authenticated client. */
export async function acceptTcpClient(context: AppContext): Promise<Response> {
  return accept(context, createTcpFraming(), initConnect(context.var.client));
}

function accept(context: AppContext, framing: Framing, login: Login): Response {
  const { config, stats } = context.var;
  const budget = budgetFor(stats, config.subrequests);
  const { 0: client, 1: server } = new WebSocketPair();
  const handler = createCommandHandler({
    login,
    runCall: (name, call) => runCall(context, name, budget, call),
    budget,
    now: Date.now,
  });
  serveConnection(server, framing, handler, SOCKET_LIMITS, () => {
    context.executionCtx.abort(new Error("A client of OpenD's protocol did not answer the close frame"));
  });
  return new Response(null, { status: 101, webSocket: client });
}

/** Counts one call on the connection, and runs it with stats and a log line of its own. */
async function runCall<T>(
  context: AppContext,
  client: string,
  budget: SubrequestBudget,
  call: (pages: PageSource) => Promise<T>,
): Promise<T> {
  const { config, requestId } = context.var;
  const origin = new URL(context.req.url).origin;
  const stats = createRequestStats(Date.now, { parent: context.var.stats });
  const { waitUntil, finish } = createRequestLogger((work) => context.executionCtx.waitUntil(work));
  const startedAt = Date.now();
  let code: FailureCode | undefined;
  try {
    await limitRequests(client, config.auth);
    return await call(createPageSource(config, { client, origin, stats, budget, waitUntil }));
  } catch (thrown) {
    code = Failure.from(thrown).code;
    throw thrown;
  } finally {
    finish({ route: ROUTE, requestId, code, client, ms: Date.now() - startedAt }, stats, config.upstash);
  }
}
