import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import worker from "../../functions/index.ts";
import type { OpendOptions } from "../stand-ins/opend.ts";
import type { UpstashFault } from "../stand-ins/upstash.ts";
import { PUBLIC } from "./public-access.ts";
import { control } from "./stand-ins.ts";

/**
 * Starts an OpenD and an Upstash, and calls the Worker with their addresses. Its origin has an empty edge cache.
 *
 * @param redis.ownServer whether it gets a Redis server of its own, for commands that affect a whole server
 */
export async function startService(
  options: OpendOptions = {},
  vars: Record<string, unknown> = {},
  redis = { ownServer: false },
) {
  const [opend, upstash] = await Promise.all([control.startOpend(options), control.startUpstash(redis)]);
  const env = {
    ...PUBLIC,
    OPEND_URL: opend.url,
    ...(options.key ? { OPEND_KEY: options.key } : {}),
    UPSTASH_REDIS_REST_URL: upstash.url,
    UPSTASH_REDIS_REST_TOKEN: upstash.token,
    ...vars,
  };
  const origin = `https://${crypto.randomUUID()}.test`;
  return {
    env,
    origin,
    opend: {
      set: (changes: Partial<OpendOptions>) => control.setOpend(opend.id, changes),
      stats: () => control.opendStats(opend.id),
    },
    upstash: {
      fail: (fault: UpstashFault | null, after = 0) => control.failUpstash(upstash.id, fault, after),
      requests: () => control.upstashRequests(upstash.id),
      redis: (name: string, ...args: string[]) => control.redis(upstash.id, name, ...args),
    },
    /** Opens a WebSocket to the Worker. */
    async connect(headers: Record<string, string> = {}, path = "/"): Promise<Response> {
      const init = { headers: { ...headers, Upgrade: "websocket" } };
      return worker.fetch(new Request(origin + path, init), env, createExecutionContext());
    },
    /** Requests a path under a new origin, so with an empty edge cache. Does not wait for background work. */
    getFromOtherDataCenter: async (path: string): Promise<Response> =>
      worker.fetch(new Request(`https://${crypto.randomUUID()}.test${path}`), env, createExecutionContext()),
    /** Requests a path, and returns before its body or background work has ended. */
    stream: async (path: string): Promise<Response> =>
      worker.fetch(new Request(origin + path), env, createExecutionContext()),
    /** Requests a path, and waits for background work. */
    async get(path: string, init?: RequestInit): Promise<Response> {
      const context = createExecutionContext();
      const response = await worker.fetch(new Request(origin + path, init), env, context);
      await waitOnExecutionContext(context);
      return response;
    },
  };
}

export type Service = Awaited<ReturnType<typeof startService>>;
