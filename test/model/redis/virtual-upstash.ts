import { Redis, type Requester } from "@upstash/redis/cloudflare";
import { any, array, number, parse, string, tuple, union } from "valibot";
import type { ScriptCall, Upstash } from "../../../functions/upstash.ts";

/** A Redis that runs scripts and commands. */
export interface Executor {
  run(call: ScriptCall): unknown;
  command(...command: readonly string[]): unknown;
}

const Commands = array(array(union([string(), number()])));
const Pipeline = tuple([string()]);
/** The client states the type of a reply, and nothing checks it. */
const Unchecked = any();

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
  const replyTo = async ([name = "", ...args]: readonly (string | number)[]) => ({
    result: await redis.command(String(name).toUpperCase(), ...args.map(String)),
  });
  const client = new VirtualClient({
    async request({ path, body }) {
      if (path === undefined) {
        const [command = []] = parse(Commands, [body]);
        return parse(Unchecked, await replyTo(command));
      }
      parse(Pipeline, path);
      const replies: unknown[] = [];
      for (const command of parse(Commands, body)) replies.push(await replyTo(command));
      return parse(Unchecked, replies);
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
