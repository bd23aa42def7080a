import { randomBytes } from "node:crypto";
import { type OpendOptions, startOpend } from "../stand-ins/opend.ts";
import { startRedis } from "../stand-ins/redis.ts";
import { startUpstash } from "../stand-ins/upstash.ts";
import { type LocalWorkerOptions, startLocalWorker, UNLIMITED } from "../stand-ins/worker.ts";
import { PUBLIC } from "./public-access.ts";

/** Starts the Worker as a server, with an OpenD and an Upstash, for tests over HTTP and WebSocket. */
export async function startLocalService(
  options: OpendOptions = {},
  vars: Readonly<Record<string, string>> = {},
  limits: LocalWorkerOptions = UNLIMITED,
) {
  const redis = await startRedis();
  const [opend, upstash] = [await startOpend(options), await startUpstash(await redis.open())];
  const worker = await startLocalWorker(
    {
      ...PUBLIC,
      OPEND_URL: opend.url,
      UPSTASH_REDIS_REST_URL: upstash.url,
      UPSTASH_REDIS_REST_TOKEN: upstash.token,
      WEBHOOK_SECRET_KEY: randomBytes(32).toString("base64"),
      ...vars,
    },
    limits,
  );
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
