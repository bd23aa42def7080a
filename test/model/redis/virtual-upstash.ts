import { Redis, type Requester } from "@upstash/redis/cloudflare";
import { array, number, parse, pipe, string, transform, tuple, union } from "valibot";
import type { ScriptCall, Upstash } from "../../../functions/upstash.ts";

/** A Redis that runs scripts and commands. */
export interface Executor {
  run(call: ScriptCall): unknown;
  command(...command: readonly string[]): unknown;
}

const Word = union([string(), pipe(number(), transform(String))]);
const Command = array(Word);
const Pipeline = tuple([string()]);

/** The client of `@upstash/redis` without HTTP. */
class VirtualClient extends Redis {
  constructor(client: Requester) {
    super({
      url: "http://virtual.invalid",
      token: "none",
      automaticDeserialization: false,
      enableAutoPipelining: false,
      readYourWrites: false,
      enableTelemetry: false,
    });
    this.client = client;
  }
}

/** Creates a client of a virtual Redis, or of any other, with the interface of Upstash. */
export function createVirtualUpstash(redis: Executor): Upstash {
  const replyTo = async ([name = "", ...args]: readonly string[]) =>
    redis.command(name.toUpperCase(), ...args);
  const client = new VirtualClient({
    async request({ path, body }) {
      if (path === undefined)
        return JSON.parse(JSON.stringify({ result: await replyTo(parse(Command, body)) }));
      parse(Pipeline, path);
      const results: unknown[] = [];
      for (const command of parse(array(Command), body)) results.push({ result: await replyTo(command) });
      return JSON.parse(JSON.stringify(results));
    },
  });
  return {
    exec: (command) => command(client),
    eval: async (call, reply) => parse(reply, await redis.run(call)),
    async evalAll(calls) {
      const replies: unknown[] = [];
      for (const call of calls) replies.push(await redis.run(call));
      return replies;
    },
  };
}
