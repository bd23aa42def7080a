import { Redis } from "@upstash/redis/cloudflare";
import { type GenericSchema, parse } from "valibot";
import { Failure } from "./errors.ts";
import { withTimeout } from "./timeout.ts";

export interface UpstashAddress {
  readonly url: string;
  readonly token: string;
}

/** One run of a Lua script. */
export interface ScriptCall {
  readonly script: string;
  readonly keys: readonly string[];
  readonly args: readonly string[];
}

/** Upstash Redis, with a timeout. */
export interface Upstash {
  /**
   * Runs commands in one request.
   * @throws Failure `store_unavailable` for every error: the client's own messages contain the whole command
   */
  exec<T>(command: (redis: Redis) => Promise<T>): Promise<T>;
  /** Runs one script and parses its reply. Sends its text only if Redis does not know it. */
  eval<T>(call: ScriptCall, reply: GenericSchema<unknown, T>): Promise<T>;
  /** Runs several scripts in one round trip. Returns their replies. */
  evalAll(calls: readonly ScriptCall[]): Promise<unknown[]>;
}

/**
 * @param timeoutMs for each request
 * @param onCommand called for each request
 */
export function createUpstash(address: UpstashAddress, timeoutMs: number, onCommand = () => {}): Upstash {
  /** Created on first use: creating it takes longer than everything else that a cached page needs. */
  let client: Redis | undefined;
  const getClient = () => {
    client ??= connectTo(address, timeoutMs);
    return client;
  };
  const unavailable = () => new Failure("store_unavailable", "Upstash Redis did not answer");
  async function exec<T>(command: (redis: Redis) => Promise<T>): Promise<T> {
    onCommand();
    try {
      return await withTimeout(timeoutMs, unavailable, () => command(getClient()));
    } catch {
      throw unavailable();
    }
  }
  return {
    exec,
    eval: ({ script, keys, args }, reply) =>
      exec(async (redis) => parse(reply, await redis.createScript(script).exec([...keys], [...args]))),
    evalAll: (calls) => exec((redis) => pipelineScripts(redis, calls)),
  };
}

/** Runs several scripts in one request, one after another. Returns their replies. */
export function pipelineScripts(redis: Redis, calls: readonly ScriptCall[]): Promise<unknown[]> {
  const pipeline = redis.pipeline();
  for (const { script, keys, args } of calls) pipeline.eval(script, [...keys], [...args]);
  return pipeline.exec<unknown[]>();
}

function connectTo(address: UpstashAddress, timeoutMs: number): Redis {
  return new Redis({
    ...address,
    // Clients retry: a limiter that hangs must fail closed, and soon.
    retry: { retries: 0 },
    // A function, because the client turns the abort of a signal object into an empty reply.
    signal: () => AbortSignal.timeout(timeoutMs),
    // A string that looks like JSON stays a string.
    automaticDeserialization: false,
    responseEncoding: false,
    enableAutoPipelining: false,
    readYourWrites: false,
    enableTelemetry: false,
  });
}
