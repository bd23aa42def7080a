import { randomBytes } from "node:crypto";
import { createServer } from "node:net";
import { parseEnv, VARIABLE_NAMES } from "../../functions/env.ts";
import { Failure } from "../../functions/errors.ts";
import { variable } from "../../scripts/dev-vars.ts";
import { onStop } from "../../scripts/on-stop.ts";
import { type StandInOpend, startOpend } from "./opend.ts";
import { createPublisher } from "./publication.ts";
import { servePublications } from "./publication-socket.ts";
import { type Database, startRedis } from "./redis.ts";
import { SAMPLE_SYMBOLS } from "./sample-data.ts";
import { startUpstash } from "./upstash.ts";

/** `npm run dev` runs the Worker locally. Stand-ins replace OpenD and Upstash unless they are configured. */

const port = Number(process.env.PORT ?? 8787);
if (!(await canListenOn(port))) {
  console.error(
    `Port ${process.env.PORT ?? port} is not available. Choose another port: PORT=8788 npm run dev`,
  );
  process.exit(1);
}

const vars: Record<string, string> = {};
for (const name of VARIABLE_NAMES) {
  const value = variable(name);
  if (value !== undefined) vars[name] = value;
}
// Only here: a deployment must not become public without a decision.
vars.PUBLIC_ACCESS ??= "yes";
// The local runtime does not limit subrequests. The default is the limit of Cloudflare's free plan.
vars.SUBREQUEST_LIMIT ??= "10000";
const cleanups: (() => Promise<unknown>)[] = [];

const usesRealOpend = vars.OPEND_URL !== undefined;
const placeholder = { UPSTASH_REDIS_REST_URL: "http://localhost", UPSTASH_REDIS_REST_TOKEN: "stand-in" };
try {
  // An invalid URL may contain a password. So check the configuration before any of it is printed.
  parseEnv({
    OPEND_URL: "ws://localhost",
    ...(vars.UPSTASH_REDIS_REST_URL === undefined && placeholder),
    ...vars,
  });
} catch (thrown) {
  console.error(Failure.from(thrown).detail);
  process.exit(1);
}

// The sample data end with the last publication before now.
const until = Date.now();
let opend: StandInOpend | undefined;
if (vars.OPEND_URL === undefined) {
  opend = await startOpend({ until, key: vars.OPEND_KEY ?? "" });
  cleanups.push(opend.close);
  vars.OPEND_URL = opend.url;
  console.log(`OpenD:    mock server with SAMPLE DATA, ${opend.url}`);
} else {
  console.log(`OpenD:    ${vars.OPEND_URL}`);
}

let database: Database | undefined;
if (vars.UPSTASH_REDIS_REST_URL === undefined) {
  const redis = await startRedis();
  database = await redis.open();
  const upstash = await startUpstash(database);
  cleanups.push(upstash.close, redis.close);
  vars.UPSTASH_REDIS_REST_URL = upstash.url;
  vars.UPSTASH_REDIS_REST_TOKEN = upstash.token;
  // A random key is enough: the encrypted secrets are lost when the stand-in stops.
  vars.WEBHOOK_SECRET_KEY ??= randomBytes(32).toString("base64");
  console.log(`Upstash:  mock server over ${redis.kind}, ${upstash.url}`);
  if (usesRealOpend) {
    console.log("          A restart loses the log of OpenD calls: wait 30 s before you start it again.");
  }
} else {
  console.log(`Upstash:  ${vars.UPSTASH_REDIS_REST_URL}`);
}

// Loads wrangler, which takes a second, after the configuration is checked.
const { startLocalWorker } = await import("./worker.ts");
const worker = await startLocalWorker(vars, { port, console: true });
cleanups.unshift(worker.close);
console.log(`Worker:   ${worker.origin}, edge cache empty`);
console.log(`\nWeb UI:   ${worker.origin}/?symbol=HK.00700`);
const withKey = vars.API_KEYS === undefined ? "" : "-H 'X-API-Key: YOUR_KEY' ";
console.log(`API:      curl ${withKey}'${worker.origin}/v1/short-interest/HK.00700?num=3'`);
console.log(`SDKs:     npm run bridge -- ${worker.origin}`);
if (!usesRealOpend) console.log(`Symbols:  ${SAMPLE_SYMBOLS.join(", ")}`);
if (opend && database) {
  const publish = createPublisher({ opend, until, redis: database, worker });
  cleanups.unshift(await servePublications(new URL(worker.origin).port, publish));
  console.log("New row:  npm run dev:publish -- US.AAPL");
}
console.log("\nPress Ctrl+C to stop.\n");

let isStopping = false;
async function stop(): Promise<void> {
  if (isStopping) return;
  isStopping = true;
  for (const cleanUp of cleanups) await cleanUp().catch(console.error);
  process.exit(0);
}

// The development server's own listeners exit at once, and would leave Redis running.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.removeAllListeners(signal);
onStop("dev", () => void stop());

/** The development server waits for a busy port without a message. */
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
