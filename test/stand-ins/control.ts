import { createServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { json } from "node:stream/consumers";
import { type BundleName, createBundles } from "../support/bundles.ts";
import { type OpendOptions, type OpendStats, type StandInOpend, startOpend } from "./opend.ts";
import { type ReceivedRequest, type Receiver, type ReceiverResponse, startReceiver } from "./receiver.ts";
import { startRedis } from "./redis.ts";
import { type StandInUpstash, startUpstash, type UpstashFault } from "./upstash.ts";

/** Controls of the stand-ins, which run in Node, for tests, which run in workerd. */
export interface Controls {
  startOpend: (options: OpendOptions) => Promise<{ id: number; url: string }>;
  setOpend: (id: number, changes: Partial<OpendOptions>) => Promise<void>;
  opendStats: (id: number) => Promise<OpendStats>;
  /** @param options.ownServer whether it gets a Redis server of its own; otherwise a database of the common one */
  startUpstash: (options?: { ownServer: boolean }) => Promise<{ id: number; url: string; token: string }>;
  failUpstash: (id: number, fault: UpstashFault | null, after?: number) => Promise<void>;
  upstashRequests: (id: number) => Promise<number>;
  startReceiver: () => Promise<{ id: number; origin: string }>;
  setReceiverResponse: (id: number, path: string, answer: ReceiverResponse) => Promise<void>;
  receivedRequests: (id: number) => Promise<readonly ReceivedRequest[]>;
  openEndlessResponses: (id: number) => Promise<number>;
  /** Runs a command in the Redis of an Upstash stand-in. */
  redis: (id: number, name: string, ...args: string[]) => Promise<unknown>;
  redisKind: () => Promise<string>;
  /** Returns a script for workerd. */
  bundle: (name: BundleName) => Promise<string>;
  /** A port without a listener. */
  unusedPort: () => Promise<number>;
}

/** Serves the controls over HTTP on loopback: `POST / {"name": …, "args": […]}`. */
export async function startControl() {
  const redis = await startRedis();
  const hosts = [redis];
  const opends: StandInOpend[] = [];
  const upstashes: StandInUpstash[] = [];
  const receivers: Receiver[] = [];
  const receiver = (id: number) => receivers[id] ?? fail(`no receiver ${id}`);
  const opend = (id: number) => opends[id] ?? fail(`no OpenD ${id}`);
  const upstash = (id: number) => upstashes[id] ?? fail(`no Upstash ${id}`);
  const controls: Controls = {
    async startOpend(options) {
      const started = await startOpend(options);
      return { id: opends.push(started) - 1, url: started.url };
    },
    setOpend: async (id, changes) => opend(id).set(changes),
    opendStats: async (id) => opend(id).stats(),
    async startUpstash({ ownServer } = { ownServer: false }) {
      const host = ownServer ? await startRedis() : redis;
      if (ownServer) hosts.push(host);
      const started = await startUpstash(await host.open());
      return { id: upstashes.push(started) - 1, url: started.url, token: started.token };
    },
    failUpstash: async (id, fault, after) => upstash(id).fail(fault ?? undefined, after),
    upstashRequests: async (id) => upstash(id).requests(),
    async startReceiver() {
      const started = await startReceiver();
      return { id: receivers.push(started) - 1, origin: started.origin };
    },
    setReceiverResponse: async (id, path, answer) => receiver(id).setResponse(path, answer),
    receivedRequests: async (id) => receiver(id).received(),
    openEndlessResponses: async (id) => receiver(id).openEndlessResponses(),
    redis: async (id, name, ...args) => upstash(id).redis.call(name, ...args),
    redisKind: async () => redis.kind,
    bundle: createBundles(),
    async unusedPort() {
      const server = createTcpServer();
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const { port } = server.address() as AddressInfo;
      await new Promise((resolve) => server.close(resolve));
      return port;
    },
  };

  const server = createServer(async (request, response) => {
    try {
      const { name, args } = (await json(request)) as { name: keyof Controls; args: never[] };
      const control = controls[name] as (...args: never[]) => Promise<unknown>;
      response.end(JSON.stringify({ result: await control(...args) }));
    } catch (thrown) {
      response.end(JSON.stringify({ error: String(thrown) }));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** @throws Error if a script used a key that it does not declare */
    async close() {
      server.closeAllConnections();
      server.close();
      await Promise.all([...opends, ...upstashes, ...receivers].map((standIn) => standIn.close()));
      await Promise.all(hosts.map((host) => host.close()));
      // The code under test may ignore this error, because it ignores any Upstash error at that place.
      const violations = new Set(upstashes.flatMap((upstash) => upstash.violations()));
      if (violations.size > 0) throw new Error([...violations].join("\n"));
    },
  };
}

function fail(message: string): never {
  throw new Error(message);
}
