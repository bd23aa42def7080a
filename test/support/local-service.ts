import { randomBytes } from "node:crypto";
import { type OpendOptions, startOpend } from "../stand-ins/opend.ts";
import { startRedis } from "../stand-ins/redis.ts";
import { startUpstash } from "../stand-ins/upstash.ts";
import {
  type LocalWorker,
  type LocalWorkerOptions,
  startLocalWorker,
  UNLIMITED,
} from "../stand-ins/worker.ts";
import type { BundleName } from "./bundles.ts";
import { startPlainWorkerd } from "./plain-workerd.ts";
import { PUBLIC } from "./public-access.ts";

type Vars = Readonly<Record<string, string>>;

/** Starts the Worker as a development server, with an OpenD and an Upstash, for tests over HTTP and WebSocket. */
export function startLocalService(
  options: OpendOptions = {},
  vars: Vars = {},
  limits: LocalWorkerOptions = UNLIMITED,
) {
  return start(options, vars, (all) => startLocalWorker(all, limits));
}

/** The same in plain workerd, which starts faster. `startPlainWorkerd` lists what it lacks. */
export function startPlainService(
  options: OpendOptions = {},
  vars: Vars = {},
  bundle: BundleName = "worker",
) {
  return start(options, vars, (all) => startPlainWorkerd(all, { bundle }));
}

async function start(options: OpendOptions, vars: Vars, startWorker: (vars: Vars) => Promise<LocalWorker>) {
  const redis = await startRedis();
  const [opend, upstash] = [await startOpend(options), await startUpstash(await redis.open())];
  const worker = await startWorker({
    ...PUBLIC,
    OPEND_URL: opend.url,
    UPSTASH_REDIS_REST_URL: upstash.url,
    UPSTASH_REDIS_REST_TOKEN: upstash.token,
    WEBHOOK_SECRET_KEY: randomBytes(32).toString("base64"),
    ...vars,
  });
  return {
    opend,
    upstash,
    redisKind: redis.kind,
    origin: worker.origin,
    async close() {
      for (const server of [worker, upstash, opend, redis]) await server.close();
    },
  };
}

export type LocalService = Awaited<ReturnType<typeof startLocalService>>;
