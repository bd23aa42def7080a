import { createHash, randomBytes } from "node:crypto";
import { startOpend } from "../stand-ins/opend.ts";
import { type Receiver, startReceiver } from "../stand-ins/receiver.ts";
import { startRedis } from "../stand-ins/redis.ts";
import { startUpstash } from "../stand-ins/upstash.ts";
import { print } from "../support/progress.ts";
import { PUBLIC } from "../support/public-access.ts";
import { documentedProblems } from "../support/readme.ts";
import { createDataCenters } from "./data-centers.ts";
import { PublishedRows } from "./oracle.ts";
import type { Report } from "./report.ts";
import { createCaller, LOGGED_TEXTS, Secrets } from "./secrets.ts";
import type { WorldDeps } from "./world.ts";

/** Starts OpenD, Upstash and a webhook receiver, and creates the data centers. */

export const WORKERS = 4;
export const READERS = 8;
const OVERLOAD_CALLERS = 6;
/** Number of callers that request forbidden and unknown securities. */
export const REFUSED_CALLERS = 4;
/** Number of callers of the attack. Half of them have an IPv4 address, half have an IPv6 /64 of their own. */
export const ATTACKERS = 8;
const UNPUBLISHED = 1;
/** Below the default, so that the greedy caller usually has used all of its share. */
export const CLIENT_SHARE = 10;

const numberedNames = (name: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${name}-${index}`);
const CALLERS = [
  ...["greedy", "modest", "new-symbols", "next-pages", "webhooks", "recovery"],
  ...numberedNames("reader", READERS),
  ...numberedNames("overload", OVERLOAD_CALLERS),
  ...numberedNames("refused", REFUSED_CALLERS),
  ...numberedNames("attacker", ATTACKERS),
];

/** Console output that no Worker may print. */
const CONSOLE_ERROR = /internal error|uncaught|unhandled|exception/i;
/** The error of a CSV history that is truncated because rows are missing. */
const EXPECTED_CONSOLE_ERROR = /Uncaught exception: .*Error: Failure: [a-z_]+: [A-Z][\w ',]+\W/;

/** @param cleanups receives a cleanup function for each started server; call them in reverse order */
export async function startSystem(
  seed: string,
  report: Report,
  cleanups: (() => Promise<unknown>)[],
): Promise<{ deps: WorldDeps; receiver: Receiver }> {
  const secrets = new Secrets();
  const callers = new Map(CALLERS.map((name, index) => [name, createCaller(name, index + 1)]));
  for (const caller of callers.values()) secrets.addCaller(caller);
  const newSecret = () => `secret_${randomBytes(16).toString("hex")}`;
  const [key, token, accessClientId, accessClientSecret] = [
    newSecret(),
    newSecret(),
    newSecret(),
    newSecret(),
  ];

  const webhookSecretKey = randomBytes(32).toString("base64");
  secrets.add(webhookSecretKey);

  const redis = await startRedis();
  cleanups.push(redis.close);
  const opend = await startOpend({ key, accessClientSecret, unpublished: UNPUBLISHED });
  cleanups.push(opend.close);
  const upstash = await startUpstash(await redis.open(), token);
  cleanups.push(upstash.close);
  const receiver = await startReceiver();
  cleanups.push(receiver.close);
  secrets.add(key, createHash("md5").update(key).digest("hex"), token, accessClientId, accessClientSecret);
  secrets.add(new URL(opend.url).host, new URL(upstash.url).host);

  const publicVars = {
    ...PUBLIC,
    OPEND_URL: opend.url,
    OPEND_KEY: key,
    OPEND_ACCESS_CLIENT_ID: accessClientId,
    OPEND_ACCESS_CLIENT_SECRET: accessClientSecret,
    UPSTASH_REDIS_REST_URL: upstash.url,
    UPSTASH_REDIS_REST_TOKEN: token,
    CLIENT_SHARE: String(CLIENT_SHARE),
  };
  const keyVars = {
    ...publicVars,
    API_KEYS: [...callers.values()].map(({ entry }) => entry).join(),
    WEBHOOK_TRUSTED_ORIGINS: receiver.origin,
    WEBHOOK_SECRET_KEY: webhookSecretKey,
  };
  // Half of the data centers require an API key. In the others each IP address is a client.
  const vars = Array.from({ length: WORKERS }, (_, index) => (index % 2 === 0 ? keyVars : publicVars));
  const centers = createDataCenters(vars, (line) => {
    const leaked = secrets.findIn(line, line.includes('"opend":[') ? LOGGED_TEXTS : []);
    if (leaked) report.violation("leakedSecret", `'${leaked}' on the console: ${line}`);
    if (CONSOLE_ERROR.test(line) && !EXPECTED_CONSOLE_ERROR.test(line))
      report.violation("unexpectedError", `on the console: ${line}`);
    report.count("console: lines");
  });
  cleanups.push(centers.close);
  print(`Redis: ${redis.kind}`);
  const problems = await documentedProblems();
  const published = new PublishedRows(UNPUBLISHED);
  const deps = {
    ...{ seed, centers, opend, upstash, report, secrets, published, problems },
    callers: (name: string) => callers.get(name) ?? unknownCaller(name),
  };
  return { deps, receiver };
}

function unknownCaller(name: string): never {
  throw new Error(`Unknown caller: ${name}`);
}
