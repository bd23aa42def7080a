import { createHash, randomBytes } from "node:crypto";
import { startOpend } from "../stand-ins/opend.ts";
import { type Receiver, startReceiver } from "../stand-ins/receiver.ts";
import { startRedis } from "../stand-ins/redis.ts";
import { startUpstash } from "../stand-ins/upstash.ts";
import { print } from "../support/progress.ts";
import { documentedProblems } from "../support/readme.ts";
import { createDataCentres } from "./data-centers.ts";
import { Publication } from "./oracle.ts";
import type { Report } from "./report.ts";
import { createCaller, Secrets } from "./secrets.ts";
import type { WorldParts } from "./world.ts";

/** Starts OpenD, Upstash and a receiver of webhooks, and prepares the Workers between them. */

export const WORKERS = 4;
export const READERS = 8;
const RUSHING = 6;
/** Callers that request forbidden and unknown securities. */
export const REFUSED = 4;
/** Callers that invent cursors and securities: half of them by IPv4, half by IPv6, each with its own /64. */
export const GUESSERS = 8;
const UNPUBLISHED = 1;
/** Less than by default, so that the greedy caller has used all of it most of the time. */
export const SHARE = 10;

const many = (name: string, count: number) => Array.from({ length: count }, (_, at) => `${name}-${at}`);
const CALLERS = [
  ...["greedy", "modest", "curious", "follower", "hooks", "last"],
  ...many("reader", READERS),
  ...many("rush", RUSHING),
  ...many("refused", REFUSED),
  ...many("guesser", GUESSERS),
];

/** No Worker may print this. */
const TROUBLE = /internal error|uncaught|unhandled|exception/i;
/** A CSV history with missing rows is broken off: the console then has a failure of our own. */
const BROKEN_OFF = /Uncaught exception: .*Error: Failure: [a-z_]+: [A-Z][\w ',]+\W/;

/** @param ending gets a function for everything that was started; they are called at the end, the last first */
export async function startScene(
  seed: string,
  report: Report,
  ending: (() => Promise<unknown>)[],
): Promise<{ parts: WorldParts; receiver: Receiver }> {
  const secrets = new Secrets();
  const callers = new Map(CALLERS.map((name, at) => [name, createCaller(name, at + 1)]));
  for (const caller of callers.values()) secrets.addCaller(caller);
  const secret = () => `secret_${randomBytes(16).toString("hex")}`;
  const [key, token, accessClientId, accessClientSecret] = [secret(), secret(), secret(), secret()];

  const webhookSecretKey = randomBytes(32).toString("base64");
  secrets.add(webhookSecretKey);

  const redis = await startRedis();
  ending.push(redis.close);
  const opend = await startOpend({ key, accessClientSecret, unpublished: UNPUBLISHED });
  ending.push(opend.close);
  const upstash = await startUpstash(await redis.open(), token);
  ending.push(upstash.close);
  const receiver = await startReceiver();
  ending.push(receiver.close);
  secrets.add(key, createHash("md5").update(key).digest("hex"), token, accessClientId, accessClientSecret);
  secrets.add(new URL(opend.url).host, new URL(upstash.url).host);

  const open = {
    OPEND_URL: opend.url,
    OPEND_KEY: key,
    OPEND_ACCESS_CLIENT_ID: accessClientId,
    OPEND_ACCESS_CLIENT_SECRET: accessClientSecret,
    UPSTASH_REDIS_REST_URL: upstash.url,
    UPSTASH_REDIS_REST_TOKEN: token,
    CLIENT_SHARE: String(SHARE),
  };
  const keyed = {
    ...open,
    API_KEYS: [...callers.values()].map(({ entry }) => entry).join(),
    WEBHOOK_TRUSTED_ORIGINS: receiver.origin,
    WEBHOOK_SECRET_KEY: webhookSecretKey,
  };
  // Half of them require a key. At the others everybody may read, and a client is an address.
  const vars = Array.from({ length: WORKERS }, (_, at) => (at % 2 === 0 ? keyed : open));
  const centres = createDataCentres(vars, (line) => {
    const leaked = secrets.foundIn(line);
    if (leaked) report.violated("secrets", `'${leaked}' on the console: ${line}`);
    if (TROUBLE.test(line) && !BROKEN_OFF.test(line)) report.violated("surprise", `on the console: ${line}`);
    report.count("console: lines");
  });
  ending.push(centres.close);
  print(`over ${redis.kind}`);
  const problems = await documentedProblems();
  const published = new Publication(UNPUBLISHED);
  const parts = {
    ...{ seed, centres, opend, upstash, report, secrets, published, problems },
    callers: (name: string) => callers.get(name) ?? missing(name),
  };
  return { parts, receiver };
}

function missing(name: string): never {
  throw new Error(`There is no caller ${name}`);
}
