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

/** Upstash, asked with a deadline. */
export interface Upstash {
  /**
   * Runs one question.
   * @throws Failure `store_unavailable` whatever goes wrong: the client's own messages hold the whole
   *   command, and are dropped here
   */
  exec<T>(command: (redis: Redis) => Promise<T>): Promise<T>;
  /** Runs one script and parses its reply; its text is sent only where Redis does not know it. */
  eval<T>(call: ScriptCall, reply: GenericSchema<unknown, T>): Promise<T>;
  /** Runs several scripts in one round trip. Returns their replies. */
  evalAll(calls: readonly ScriptCall[]): Promise<unknown[]>;
}

/**
 * @param ms how long one question may take, retries and all
 * @param onCommand called with each question
 */
export function createUpstash(address: UpstashAddress, ms: number, onCommand = () => {}): Upstash {
  /** Made when it is first asked: it takes longer than all else that a kept page needs. */
  let client: Redis | undefined;
  const getClient = () => {
    client ??= connectTo(address, ms);
    return client;
  };
  const unavailable = () =>
    new Failure("store_unavailable", "The store that all data centres share cannot be asked");
  async function exec<T>(command: (redis: Redis) => Promise<T>): Promise<T> {
    onCommand();
    try {
      return await withTimeout(ms, unavailable, () => command(getClient()));
    } catch {
      throw unavailable();
    }
  }
  return {
    exec,
    eval: ({ script, keys, args }, reply) =>
      exec(async (redis) => parse(reply, await redis.createScript(script).exec([...keys], [...args]))),
    evalAll: (calls) =>
      exec(async (redis) => {
        const pipeline = redis.pipeline();
        for (const { script, keys, args } of calls) pipeline.eval(script, [...keys], [...args]);
        return pipeline.exec<unknown[]>();
      }),
  };
}

function connectTo(address: UpstashAddress, ms: number): Redis {
  return new Redis({
    ...address,
    // Retrying is left to clients: a limiter that hangs must fail closed, and soon.
    retry: { retries: 0 },
    // A function: a signal that is already there would turn an abort into a made-up answer.
    signal: () => AbortSignal.timeout(ms),
    // Strings stay strings.
    automaticDeserialization: false,
    responseEncoding: false,
    enableAutoPipelining: false,
    readYourWrites: false,
    enableTelemetry: false,
  });
}
