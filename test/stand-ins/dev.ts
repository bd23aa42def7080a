import { randomBytes } from "node:crypto";
import { createServer } from "node:net";
import { parseEnv, VARIABLE_NAMES } from "../../functions/env.ts";
import { Failure } from "../../functions/errors.ts";
import { variable } from "../../scripts/vars.ts";
import { startOpend } from "./opend.ts";
import { startRedis } from "./redis.ts";
import { startUpstash } from "./upstash.ts";
import { startLocalWorker } from "./worker.ts";

/** `npm run dev`: the Worker on this machine, with stand-ins for whatever is not configured. */

const port = Number(process.env.PORT ?? 8787);
if (!(await canListenOn(port))) {
  console.error(
    `Port ${process.env.PORT ?? port} cannot be listened on; set another one: PORT=8788 npm run dev`,
  );
  process.exit(1);
}

const vars: Record<string, string> = {};
for (const name of VARIABLE_NAMES) {
  const value = variable(name);
  if (value !== undefined) vars[name] = value;
}
const ending: (() => Promise<unknown>)[] = [];

const realOpend = vars.OPEND_URL !== undefined;
const someUpstash = { UPSTASH_REDIS_REST_URL: "http://localhost", UPSTASH_REDIS_REST_TOKEN: "stand-in" };
try {
  // Before anything is printed of it, or started with it.
  parseEnv({
    OPEND_URL: "ws://localhost",
    ...(vars.UPSTASH_REDIS_REST_URL === undefined && someUpstash),
    ...vars,
  });
} catch (thrown) {
  console.error(Failure.from(thrown).detail);
  process.exit(1);
}

if (vars.OPEND_URL === undefined) {
  const opend = await startOpend(vars.OPEND_KEY === undefined ? {} : { key: vars.OPEND_KEY });
  ending.push(opend.close);
  vars.OPEND_URL = opend.url;
  console.log(`OpenD:   a stand-in with SAMPLE DATA, ${opend.url}`);
} else {
  console.log(`OpenD:   ${vars.OPEND_URL}`);
}

if (vars.UPSTASH_REDIS_REST_URL === undefined) {
  const redis = await startRedis();
  const upstash = await startUpstash(await redis.open());
  ending.push(upstash.close, redis.close);
  vars.UPSTASH_REDIS_REST_URL = upstash.url;
  vars.UPSTASH_REDIS_REST_TOKEN = upstash.token;
  // What it encrypts ends with the stand-in.
  vars.WEBHOOK_SECRET_KEY ??= randomBytes(32).toString("base64");
  console.log(`Upstash: a stand-in over ${redis.kind}, ${upstash.url}`);
  if (realOpend) {
    console.log(
      "         It forgets at each start which calls were made: leave OpenD's window of 30 s between two.",
    );
  }
} else {
  console.log(`Upstash: ${vars.UPSTASH_REDIS_REST_URL}`);
}

const worker = await startLocalWorker(vars, { port });
ending.unshift(worker.close);
console.log(`Worker:  ${worker.origin}, with an empty edge cache of its own`);
console.log(`\nTry:     curl '${worker.origin}/v1/short-interest/HK.00700?num=3'`);
console.log(`Look:    ${worker.origin}/?symbol=HK.00700\n`);

let ended = false;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  // The development server's own listeners exit at once, and would leave Redis running.
  process.removeAllListeners(signal);
  process.on(signal, async () => {
    if (ended) return;
    ended = true;
    for (const end of ending) await end().catch(console.error);
    process.exit(0);
  });
}

/** The development server would wait for a port that is taken, and say nothing. */
function canListenOn(number: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    try {
      server.listen(number, "localhost", () => server.close(() => resolve(true)));
    } catch {
      resolve(false);
    }
  });
}
