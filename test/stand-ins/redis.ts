import { spawn, spawnSync } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import RedisMock from "ioredis-mock";

/** One database. */
export interface Database {
  /** Runs one command. */
  readonly call: Call;
  /** Runs several with nothing in between. */
  readonly transaction: (commands: readonly (readonly string[])[]) => Promise<unknown[]>;
}

type Call = (name: string, ...args: string[]) => Promise<unknown>;

/** A Redis of our own, with as many separate databases as are asked for. */
export interface RedisHost {
  /** What it is, for people. */
  readonly kind: "redis-server" | "ioredis-mock";
  /** An empty database. */
  readonly open: () => Promise<Database>;
  readonly close: () => Promise<void>;
}

const DATABASES = 1_000;

/** Starts `redis-server` where it is on the PATH, and imitates one where it is not, or where told to. */
export async function startRedis(): Promise<RedisHost> {
  const found = spawnSync("redis-server", ["--version"]).status === 0;
  return found && process.env.STAND_IN_REDIS !== "imitation" ? startServer() : startMock();
}

async function startServer(): Promise<RedisHost> {
  const folder = await mkdtemp(join(tmpdir(), "redis-"));
  const path = join(folder, "socket");
  const settings = {
    port: 0,
    unixsocket: path,
    databases: DATABASES,
    save: "",
    appendonly: "no",
    dir: folder,
  };
  const server = spawn(
    "redis-server",
    Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]),
    { stdio: "ignore" },
  );
  const clients: Redis[] = [];
  return {
    kind: "redis-server",
    async open() {
      if (clients.length >= DATABASES) throw new Error(`redis-server has ${DATABASES} databases, all in use`);
      // ioredis connects again by itself until the server listens.
      const client = new Redis({
        path,
        db: clients.length,
        retryStrategy: () => 20,
        maxRetriesPerRequest: null,
      });
      client.on("error", () => undefined);
      clients.push(client);
      await client.ping();
      return {
        call: (name, ...args) => client.call(name, ...args),
        async transaction(commands) {
          const multi = client.multi();
          for (const [name = "", ...args] of commands) multi.call(name, ...args);
          return ((await multi.exec()) ?? []).map(([error, result]) => error ?? result);
        },
      };
    },
    async close() {
      for (const client of clients) client.disconnect();
      // Ctrl-C reaches it as well, and may have ended it already.
      if (server.exitCode === null && server.signalCode === null) {
        const gone = new Promise((resolve) => server.once("exit", resolve));
        server.kill();
        await gone;
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function startMock(): RedisHost {
  const clients: Redis[] = [];
  // Those of the same name have the same data.
  const host = randomUUID();
  return {
    kind: "ioredis-mock",
    async open() {
      const client: Redis = new RedisMock({ host, db: clients.length });
      clients.push(client);
      const call = callOf(client);
      return {
        call,
        async transaction(commands) {
          const replies: unknown[] = [];
          for (const [name = "", ...args] of commands) {
            replies.push(await call(name, ...args).catch((error: unknown) => error));
          }
          return replies;
        },
      };
    },
    async close() {
      for (const client of clients) client.disconnect();
    },
  };
}

/** call() for the imitation, which has none, and mends where it is unlike Redis. */
function callOf(client: Redis): Call {
  const scripts = new Map<string, string>();
  const evaluate = (script: string, args: string[]) => {
    scripts.set(createHash("sha1").update(script).digest("hex"), script);
    const [keys = "0", ...rest] = args;
    return client.eval(mended(script), Number(keys), ...rest);
  };
  return async (name, ...args) => {
    const command = name.toUpperCase();
    if (command === "EVAL") return evaluate(args[0] ?? "", args.slice(1));
    if (command === "EVALSHA") {
      const script = scripts.get(args[0] ?? "");
      if (script === undefined) throw new Error("NOSCRIPT No matching script");
      return evaluate(script, args.slice(1));
    }
    if (command === "SCRIPT" && args[0] === "FLUSH") return scripts.clear();
    // It knows SET's options by their capital names only.
    const known = command === "SET" ? args.map((arg, at) => (at < 2 ? arg : arg.toUpperCase())) : args;
    const method: unknown = Reflect.get(client, name.toLowerCase());
    if (typeof method !== "function") throw new Error(`ERR unknown command '${name}'`);
    return Reflect.apply(method, client, known);
  };
}

/**
 * Its own TIME is rounded to a second, and jumps. A sorted set that is empty goes on to be there. A field that HMGET
 * does not find is true. A table is a list to it only if it was written down at once.
 */
function mended(script: string): string {
  const ms = Date.now();
  const time = `{'${Math.floor(ms / 1_000)}', '${(ms % 1_000) * 1_000}'}`;
  return `local imitated = redis.call
local redis = {call = function(name, key, ...)
  if name == 'TIME' then return ${time} end
  local reply = imitated(name, key, ...)
  if name == 'ZREM' and imitated('ZCARD', key) == 0 then imitated('DEL', key) end
  if name == 'HMGET' then
    local values = {}
    for at = 1, #reply do values[at] = type(reply[at]) == 'string' and reply[at] end
    return values
  end
  return reply
end}
local function list(value)
  if type(value) ~= 'table' then return value end
  local values = {}
  for at = 1, #value do values[at] = list(value[at]) end
  return {table.unpack(values)}
end
return list((function()
${script}
end)())`;
}
