import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { UNDECLARED_KEY, withKeyCheck } from "./declared-keys.ts";
import type { Database } from "./redis.ts";

/**
 * Faults of the stand-in for Upstash. With `hold`, requests are run and answered when the fault ends; with `hold reads`,
 * only requests of one `MGET`; with `hold new leases`, only those that acquire the lease of a page that is not stored.
 */
export type UpstashFault =
  | "hang"
  | "hold"
  | "hold reads"
  | "hold new leases"
  | "slow"
  | "401"
  | "500"
  | "HTML"
  | "nonsense";

/** Maximum delay of a slow stand-in before the command, and again before the response, in milliseconds. */
const SLOW_MS = 1_200;

/** Upstash's REST API on top of a Redis: `/`, `/pipeline` and `/multi-exec`. */
export interface StandInUpstash {
  readonly url: string;
  readonly token: string;
  readonly redis: Database;
  /** The number of HTTP requests. */
  readonly requests: () => number;
  /** Errors of scripts that used an undeclared key. */
  readonly violations: () => readonly string[];
  /** @param after the number of requests before the fault begins */
  readonly fail: (fault: UpstashFault | undefined, after?: number) => void;
  readonly close: () => Promise<void>;
}

type Command = readonly string[];
type Outcome = { readonly result: unknown } | { readonly error: string };

export async function startUpstash(redis: Database, token = "stand-in", port = 0): Promise<StandInUpstash> {
  let plannedFault: UpstashFault | undefined;
  let faultAt = 0;
  let faultEnd = Promise.withResolvers<void>();
  let requests = 0;
  const violations: string[] = [];
  const recordViolation = (outcome: Outcome): Outcome => {
    if ("error" in outcome && outcome.error.includes(UNDECLARED_KEY)) violations.push(outcome.error);
    return outcome;
  };

  const server = createServer(async (request, response) => {
    const fault = requests >= faultAt ? plannedFault : undefined;
    requests += 1;
    const answer = (status: number, body: unknown) =>
      response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
    const delayIfSlow = async () => {
      if (fault === "slow") await new Promise((resolve) => setTimeout(resolve, Math.random() * SLOW_MS));
    };
    if (fault === "hang") return;
    if (fault === "hold") await faultEnd.promise;
    if (fault === "500") return answer(500, { error: "ERR internal" });
    if (fault === "HTML")
      return response.writeHead(200, { "Content-Type": "text/html" }).end("<h1>Hello</h1>");
    if (fault === "nonsense") return answer(200, { result: ["yes"] });
    if (fault === "401" || request.headers.authorization !== `Bearer ${token}`) {
      return answer(401, { error: "WRONGPASS invalid or missing auth token" });
    }
    const encode = request.headers["upstash-encoding"] === "base64" ? inBase64 : (value: unknown) => value;
    try {
      const body: unknown = JSON.parse(await textOf(request));
      if (fault === "hold reads" && isMget(body)) await faultEnd.promise;
      if (fault === "hold new leases" && isNewLease(body)) await faultEnd.promise;
      await delayIfSlow();
      if (request.url === "/") {
        const outcome = recordViolation(await run(redis, commandOf(body)));
        await delayIfSlow();
        return answer("error" in outcome ? 400 : 200, encodeOutcome(outcome, encode));
      }
      if (request.url !== "/pipeline" && request.url !== "/multi-exec")
        return answer(404, { error: "ERR path" });
      if (!Array.isArray(body)) return answer(400, { error: "ERR not a pipeline" });
      const commands = body.map(commandOf);
      const outcomes =
        request.url === "/pipeline" ? await pipeline(redis, commands) : await transaction(redis, commands);
      await delayIfSlow();
      return answer(
        200,
        outcomes.map((outcome) => encodeOutcome(recordViolation(outcome), encode)),
      );
    } catch (thrown) {
      return answer(400, { error: messageOf(thrown) });
    }
  });

  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const { port: actual } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${actual}`,
    token,
    redis,
    requests: () => requests,
    violations: () => violations,
    fail: (fault, after = 0) => {
      faultEnd.resolve();
      faultEnd = Promise.withResolvers();
      plannedFault = fault;
      faultAt = requests + after;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function commandOf(value: unknown): Command {
  if (!Array.isArray(value) || value.length === 0) throw new Error("ERR not a command");
  return withKeyCheck(value.map(String));
}

function isMget(body: unknown): boolean {
  return Array.isArray(body) && String(body[0]).toUpperCase() === "MGET";
}

/** Whether the first script of a pipeline acquires a lease. Its last argument is the version of the stored page, or empty. */
function isNewLease(body: unknown): boolean {
  return Array.isArray(body) && Array.isArray(body[0]) && body[0].at(-1) === "";
}

async function run(redis: Database, [name = "", ...args]: Command): Promise<Outcome> {
  try {
    return { result: await redis.call(name, ...args) };
  } catch (thrown) {
    return { error: messageOf(thrown) };
  }
}

async function pipeline(redis: Database, commands: readonly Command[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const command of commands) outcomes.push(await run(redis, command));
  return outcomes;
}

async function transaction(redis: Database, commands: readonly Command[]): Promise<Outcome[]> {
  const replies = await redis.transaction(commands);
  return replies.map((result) => (result instanceof Error ? { error: result.message } : { result }));
}

function encodeOutcome(outcome: Outcome, encode: (value: unknown) => unknown): Outcome {
  return "error" in outcome ? outcome : { result: encode(outcome.result) };
}

/** Like Upstash, encodes every string except "OK". */
function inBase64(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inBase64);
  return typeof value === "string" && value !== "OK" ? Buffer.from(value).toString("base64") : value;
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
