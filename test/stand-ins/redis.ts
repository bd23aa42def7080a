import { spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import RedisMock from "ioredis-mock";

/** One database. */
export interface Database {
  /** Runs one command. */
  readonly call: (name: string, ...args: string[]) => Promise<unknown>;
}

/** A Redis of our own, with as many separate databases as are asked for. */
export interface RedisHost {
  /** What it is, for people. */
  readonly kind: "redis-server" | "ioredis-mock";
  /** An empty database. */
  readonly open: () => Promise<Database>;
  readonly close: () => Promise<void>;
}

const DATABASES = 1_000;

/** Starts `redis-server` where it is on the PATH, and imitates one where it is not. */
export async function startRedis(): Promise<RedisHost> {
  const found = spawnSync("redis-server", ["--version"]).status === 0;
  return found ? startServer() : startMock();
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
      return { call: (name, ...args) => client.call(name, ...args) };
    },
    async close() {
      for (const client of clients) client.disconnect();
      const gone = new Promise((resolve) => server.once("exit", resolve));
      server.kill();
      await gone;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function startMock(): RedisHost {
  const clients: Redis[] = [];
  return {
    kind: "ioredis-mock",
    async open() {
      const client: Redis = new RedisMock({ host: "in-process", db: clients.length });
      clients.push(client);
      return {
        async call(name, ...args) {
          // The imitation has a method for each command, but not call().
          const method: unknown = Reflect.get(client, name.toLowerCase());
          if (typeof method !== "function") throw new Error(`ERR unknown command '${name}'`);
          return Reflect.apply(method, client, args);
        },
      };
    },
    async close() {
      for (const client of clients) client.disconnect();
    },
  };
}
