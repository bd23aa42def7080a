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
  /** Runs several commands as one transaction. */
  readonly transaction: (commands: readonly (readonly string[])[]) => Promise<unknown[]>;
}

type Call = (name: string, ...args: string[]) => Promise<unknown>;

/** A local Redis with any number of separate databases. */
export interface RedisHost {
  /** The implementation, for console output. */
  readonly kind: "redis-server" | "ioredis-mock";
  /** Opens an empty database. */
  readonly open: () => Promise<Database>;
  readonly close: () => Promise<void>;
}

const DATABASES = 4_000;

/** Starts `redis-server` if it is installed, or else ioredis-mock. `STAND_IN_REDIS=imitation` forces ioredis-mock. */
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
      if (clients.length >= DATABASES)
        throw new Error(`all ${DATABASES} databases of redis-server are in use`);
      // ioredis reconnects until the server listens.
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
      // Ctrl+C reaches the child process too, so it may have exited already.
      if (server.exitCode === null && server.signalCode === null) {
        const exited = new Promise((resolve) => server.once("exit", resolve));
        server.kill();
        await exited;
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function startMock(): RedisHost {
  const clients: Redis[] = [];
  // Clients with the same host and database number share data.
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

/** Implements `call` for ioredis-mock, and works around its differences from Redis. */
function callOf(client: Redis): Call {
  const scripts = new Map<string, string>();
  const evaluate = (script: string, args: string[]) => {
    scripts.set(createHash("sha1").update(script).digest("hex"), script);
    const [keys = "0", ...rest] = args;
    return client.eval(patchScript(script), Number(keys), ...rest);
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
    // ioredis-mock accepts options of SET in upper case only.
    const patchedArgs = command === "SET" ? args.map((arg, i) => (i < 2 ? arg : arg.toUpperCase())) : args;
    const method: unknown = Reflect.get(client, name.toLowerCase());
    if (typeof method !== "function") throw new Error(`ERR unknown command '${name}'`);
    const reply: unknown = await Reflect.apply(method, client, patchedArgs);
    // ioredis-mock returns an object.
    return command === "HGETALL" ? Object.entries(reply ?? {}).flat() : reply;
  };
}

/**
 * Works around differences of scripts in ioredis-mock:
 *
 * - TIME is rounded to a second.
 * - An empty sorted set still exists.
 * - HMGET and MGET return a JavaScript object for a missing value, and numbers in place of text.
 * - A returned table is an array only if it was built by one table constructor.
 */
function patchScript(script: string): string {
  const ms = Date.now();
  const time = `{'${Math.floor(ms / 1_000)}', '${(ms % 1_000) * 1_000}'}`;
  return `local original = redis.call
local redis = {call = function(name, key, ...)
  if name == 'TIME' then return ${time} end
  local reply = original(name, key, ...)
  if name == 'HMGET' or name == 'MGET' then
    for index = 1, select('#', ...) + (name == 'MGET' and 1 or 0) do
      local kind = type(reply[index])
      if kind == 'number' then reply[index] = string.format('%.0f', reply[index])
      elseif kind ~= 'string' then reply[index] = false end
    end
  end
  if name == 'ZREM' and original('ZCARD', key) == 0 then original('DEL', key) end
  return reply
end}
local function list(value)
  if type(value) ~= 'table' then return value end
  local values = {}
  for index = 1, #value do values[index] = list(value[index]) end
  return {table.unpack(values)}
end
return list((function()
${script}
end)())`;
}
