import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

// Must be set before wrangler loads, which otherwise downloads an example of request.cf.
process.env.CLOUDFLARE_CF_FETCH_ENABLED ??= "false";
process.env.WRANGLER_LOG ??= "warn";
const { unstable_startWorker: startWorker } = await import("wrangler");

/** A Worker in workerd on this machine, with an empty edge cache of its own. */
export interface LocalWorker {
  readonly origin: string;
  readonly close: () => Promise<void>;
}

export interface RestartableWorker extends LocalWorker {
  /** Restarts it at the same origin, with an empty edge cache and an empty queue. Requests wait meanwhile. */
  readonly restart: () => Promise<void>;
}

export interface LocalWorkerOptions {
  /** 0, the default, selects a free port. */
  readonly port?: number;
  /** Rate limit of an IP address, in requests per minute. The default is that of wrangler.toml. */
  readonly requestsPerMinute?: number;
  /** Rate limit of an API key, in requests per minute. The default is that of wrangler.toml. */
  readonly requestsPerMinutePerKey?: number;
  /** Prints the whole console output of the Worker. By default only warnings and errors are printed. */
  readonly console?: boolean;
  /** Path of the wrangler configuration; by default `wrangler.toml`. */
  readonly config?: string;
  /** Path of the main module; by default that of the configuration. */
  readonly entrypoint?: string;
}

/** Rate limits that no test reaches. */
export const UNLIMITED: LocalWorkerOptions = {
  requestsPerMinute: 1_000_000_000,
  requestsPerMinutePerKey: 1_000_000_000,
};

const rateLimit = (namespaceId: string, limit: number) => ({
  type: "ratelimit" as const,
  namespace_id: namespaceId,
  simple: { limit, period: 60 as const },
});

export async function startLocalWorker(
  vars: Readonly<Record<string, string>>,
  {
    port = 0,
    requestsPerMinute,
    requestsPerMinutePerKey,
    console: printsConsole = false,
    config = "wrangler.toml",
    entrypoint,
  }: LocalWorkerOptions = {},
): Promise<RestartableWorker> {
  const newState = () => mkdtemp(join(tmpdir(), "short-interest-edge-"));
  const devOptions = (persist: string) => ({
    server: { hostname: "localhost", port },
    inspector: false as const,
    watch: false,
    persist,
    logLevel: printsConsole ? ("log" as const) : ("warn" as const),
  });
  let state = await newState();
  const worker = await startWorker({
    config,
    ...(entrypoint !== undefined && { entrypoint }),
    // No variables other than `vars`.
    envFiles: [],
    bindings: {
      // wrangler.toml requires OPEND_KEY. OpenD without a key has an empty one.
      ...Object.fromEntries(
        Object.entries({ OPEND_KEY: "", ...vars }).map(([name, value]) => [
          name,
          { type: "secret_text" as const, value },
        ]),
      ),
      ...(requestsPerMinute !== undefined && {
        REQUESTS_PER_CLIENT: rateLimit("3249", requestsPerMinute),
      }),
      ...(requestsPerMinutePerKey !== undefined && {
        REQUESTS_PER_KEY: rateLimit("3250", requestsPerMinutePerKey),
      }),
    },
    dev: devOptions(state),
  });
  await worker.ready;
  return {
    origin: (await worker.url).origin,
    async restart() {
      const old = state;
      state = await newState();
      const reloaded = once(worker.raw, "reloadComplete");
      worker.patchConfig({ dev: devOptions(state) });
      await reloaded;
      await rm(old, { recursive: true, force: true });
    },
    async close() {
      await worker.dispose();
      await rm(state, { recursive: true, force: true });
    },
  };
}
